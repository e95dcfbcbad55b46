import type { JobResult } from "./load/job.ts";
import type { CaseResult, ContestantResult, WorkResult } from "./run-report.ts";
import { ratio, type Summary, summarise } from "./statistics.ts";
import type { Sample, Work, WorkCase } from "./work/work.ts";

/** One round's result of one contestant in one case. */
export interface Measurement {
  readonly work: string;
  readonly caseName: string;
  readonly contestant: string;
  readonly result: JobResult;
}

const commonKeys = ["cpuSecondsPerMillion", "rssBytes", "generatorCores"] as const;

/** Brings measurements into the order of the works, summarised over their rounds. */
export function summariseMeasurements(
  works: readonly Work[],
  measurements: readonly Measurement[],
  baseline: string,
): WorkResult[] {
  return works.flatMap((work) => {
    const cases = work.cases.flatMap((workCase) => {
      const found = measurements.filter(
        (measurement) => measurement.work === work.name && measurement.caseName === workCase.name,
      );
      return found.length > 0 ? [summariseCase(work, workCase, found, baseline)] : [];
    });
    const { name, title, operation, metrics } = work;
    return cases.length > 0 ? [{ name, title, operation, metrics, cases }] : [];
  });
}

function summariseCase(
  work: Work,
  { name, parameters }: WorkCase<unknown>,
  measurements: readonly Measurement[],
  baseline: string,
): CaseResult {
  const names = new Set(measurements.map(({ contestant }) => contestant));
  const results = [...names].map((contestant) =>
    summariseContestant(
      work,
      contestant,
      measurements.filter((measurement) => measurement.contestant === contestant),
    ),
  );
  const { key } = work.metrics[0];
  const base = results.find(({ contestant }) => contestant === baseline)?.summaries[key]?.median;
  return {
    name,
    parameters,
    results: results.map((result) => {
      const median = result.summaries[key]?.median;
      return { ...result, ratio: median === undefined ? undefined : ratio(median, base) };
    }),
  };
}

function summariseContestant(
  work: Work,
  contestant: string,
  measurements: readonly Measurement[],
): ContestantResult {
  const samples = measurements.flatMap(({ result }) => ("sample" in result ? [result.sample] : []));
  const errors = measurements.flatMap(({ result }) => ("error" in result ? [result.error] : []));
  const summaries: Record<string, Summary> = {};
  const add = (key: string, read: (sample: Sample) => number | undefined) => {
    const figures = samples.map(read).filter((figure) => figure !== undefined);
    const summary = summarise(figures);
    if (summary) {
      summaries[key] = summary;
    }
  };
  for (const { key } of work.metrics) {
    add(key, (sample) => sample.values[key]);
  }
  for (const key of commonKeys) {
    add(key, (sample) => sample[key]);
  }
  return {
    contestant,
    samples,
    summaries,
    lost: samples.reduce((sum, sample) => sum + sample.lost, 0),
    error: errors[0],
  };
}
