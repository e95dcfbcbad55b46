import type { Contestant } from "./contestants/contestant.ts";
import { describeEnvironment } from "./environment.ts";
import { runJob } from "./load-process.ts";
import { type Measurement, summariseMeasurements } from "./measurements.ts";
import { prepareContestants } from "./prepare-contestants.ts";
import type { Progress } from "./progress.ts";
import type { RunReport } from "./run-report.ts";
import { exitOnSignals } from "./run-signals.ts";
import { startServer } from "./server-process.ts";
import type { Timing, Work, WorkCase } from "./work/work.ts";

export interface RunOptions {
  readonly works: readonly Work[];
  readonly contestants: readonly Contestant[];
  /** How often each case is measured for each contestant. */
  readonly rounds: number;
  readonly timing: Timing;
  /** Measure only the cases that belong to a quick run. */
  readonly isQuick: boolean;
  /** After how long to end with what has been measured by then. Default: never. */
  readonly timeLimitMs?: number;
  /** The contestant that ratios refer to. Default: the first of grpc-go, grpc-js, any. */
  readonly baseline?: string | undefined;
  readonly progress: Progress;
}

interface Step {
  readonly work: Work;
  readonly workCase: WorkCase<unknown>;
  readonly contestant: Contestant;
}

// Above what the slowest contestant takes to fill its subscriptions and to drain.
const slackMs = 180_000;
// What is left for the report, and to end processes.
const reserveMs = 5_000;

/**
 * Measures every case for every contestant, one process of the server and one of the load
 * generator each time. Contestants alternate within a case and rounds repeat the whole, so
 * that a machine that changes its speed changes it for all of them.
 */
export async function run(options: RunOptions): Promise<RunReport> {
  using _ = exitOnSignals();
  const startedAt = new Date();
  const endMs = performance.now() + (options.timeLimitMs ?? Number.POSITIVE_INFINITY);
  const { present, leftOut } = await prepareContestants(
    options.contestants,
    options.progress,
    options.timeLimitMs,
  );
  const steps = listSteps(options, present);
  const measurements: Measurement[] = [];
  const failed = new Set<Step>();
  const notes: string[] = [];
  const noteTimeUp = (round: number, index: number) =>
    notes.push(
      `Time was up in round ${round + 1} of ${options.rounds}, after ${index} of ${steps.length} measurements.`,
    );

  rounds: for (let round = 0; round < options.rounds; round++) {
    for (const [index, step] of steps.entries()) {
      if (failed.has(step)) {
        continue;
      }
      const leftMs = endMs - performance.now() - reserveMs;
      if (leftMs < options.timing.durationMs + options.timing.warmupMs) {
        noteTimeUp(round, index);
        break rounds;
      }
      options.progress.show(
        `round ${round + 1}/${options.rounds}, ${index + 1}/${steps.length}: ` +
          `${step.work.name}, ${step.workCase.name}: ${step.contestant.name}`,
      );
      const result = await measure(step, options.timing, leftMs);
      if ("error" in result) {
        if (performance.now() > endMs - reserveMs) {
          // It was cut short, and did not fail.
          noteTimeUp(round, index);
          break rounds;
        }
        failed.add(step);
      }
      measurements.push({
        work: step.work.name,
        caseName: step.workCase.name,
        contestant: step.contestant.name,
        result,
      });
    }
  }
  options.progress.clear();

  const baseline = chooseBaseline(options.baseline, present);
  return {
    startedAt: startedAt.toISOString(),
    finishedAt: new Date().toISOString(),
    environment: describeEnvironment(),
    settings: { ...options.timing, rounds: options.rounds, isQuick: options.isQuick },
    baseline,
    contestants: present.map(({ name, description }) => ({ name, description })),
    leftOut,
    notes: [...notes, ...describeGenerators(measurements)],
    works: summariseMeasurements(options.works, measurements, baseline),
  };
}

function listSteps({ works, isQuick }: RunOptions, contestants: readonly Contestant[]): Step[] {
  return works.flatMap((work) =>
    work.cases
      .filter((workCase) => workCase.isQuick || !isQuick)
      .flatMap((workCase) => {
        const needs = work.needs(workCase.parameters);
        return contestants
          .filter((contestant) => contestant.protocols.includes(needs.protocol))
          .filter((contestant) => contestant.keepsHistory || !needs.history)
          .map((contestant) => ({ work, workCase, contestant }));
      }),
  );
}

async function measure({ work, workCase, contestant }: Step, timing: Timing, leftMs: number) {
  try {
    const server = await startServer(contestant);
    try {
      const { target } = server;
      const job = { work: work.name, parameters: workCase.parameters, target, timing };
      const workMs = timing.warmupMs + timing.durationMs + slackMs;
      return await runJob(job, Math.min(workMs, leftMs));
    } finally {
      await server.stop();
    }
  } catch (error) {
    return { error: (error as Error).message };
  }
}

/** Two generators do not compare: a reader must know which one it was. */
function describeGenerators(measurements: readonly Measurement[]): string[] {
  const byWork = new Map<string, Set<string>>();
  for (const { work, result } of measurements) {
    if ("sample" in result) {
      byWork.set(work, (byWork.get(work) ?? new Set()).add(result.sample.generator));
    }
  }
  return [...byWork].flatMap(([work, generators]) =>
    generators.has("h2load") ? [`The load of ${work} was made by h2load, the rest by Node.`] : [],
  );
}

function chooseBaseline(wanted: string | undefined, present: readonly Contestant[]): string {
  const names = present.map(({ name }) => name);
  return (
    [wanted, "grpc-go", "grpc-js"].find((name) => name && names.includes(name)) ?? names[0] ?? ""
  );
}
