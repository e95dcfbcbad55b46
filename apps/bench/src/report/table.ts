import type { CaseResult, ContestantResult, RunReport, WorkResult } from "../run-report.ts";
import { formatCount, formatFigure, formatPart } from "./figures.ts";
import { describeRounds } from "./rounds.ts";

const none = "-";

/** Lays a report out as text, a table for each work. */
export function formatReport(report: RunReport): string {
  const { environment } = report;
  const lines = [
    `${environment.processor}, ${environment.cores} cores, ${environment.system}, Node ${environment.node}`,
    `medians of ${describeRounds(report)} of ${report.settings.durationMs} ms; ratios to ${report.baseline}`,
    ...report.leftOut.map(({ name, reason }) => `left out: ${name}: ${reason}`),
    ...report.works.flatMap((work) => ["", ...formatWork(work, report.baseline)]),
    "",
    ...report.notes,
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}

function formatWork(work: WorkResult, baseline: string): string[] {
  const [first, ...others] = work.metrics;
  const titles = [
    "",
    first.title,
    "min..max",
    `x ${baseline}`,
    ...others.map(({ title }) => title),
    `CPU s/M ${work.operation === "delivery" ? "deliveries" : `${work.operation}s`}`,
    "RSS MB",
    "load cores",
    "lost",
  ];
  const groups = work.cases.map((workCase) => ({
    workCase,
    rows: workCase.results.map((result) => formatRow(work, result)),
  }));
  const widths = titles.map((title, column) =>
    Math.max(
      title.length,
      ...groups.flatMap(({ rows }) => rows.map((row) => row[column]?.length ?? 0)),
    ),
  );
  const align = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ")
      .trimEnd();
  return [
    work.title,
    align(titles),
    ...groups.flatMap(({ workCase, rows }) => [
      workCase.name,
      ...rows.map(align),
      ...formatErrors(workCase),
    ]),
  ];
}

function formatRow(work: WorkResult, result: ContestantResult): string[] {
  const [first, ...others] = work.metrics;
  const summary = result.summaries[first.key];
  const median = (key: string, scale = 1) => {
    const found = result.summaries[key];
    return found ? formatFigure(found.median * scale) : none;
  };
  return [
    `  ${result.contestant}`,
    median(first.key),
    summary ? `${formatFigure(summary.min)}..${formatFigure(summary.max)}` : none,
    result.ratio === undefined ? none : result.ratio.toFixed(2),
    ...others.map(({ key }) => median(key)),
    median("cpuSecondsPerMillion"),
    median("rssBytes", 1e-6),
    median("generatorCores"),
    formatLost(result),
  ];
}

function formatLost({ samples, lost }: ContestantResult): string {
  if (samples.length === 0) {
    return none;
  }
  const repeated = samples.reduce((sum, sample) => sum + sample.repeated, 0);
  const received = samples.reduce((sum, sample) => sum + sample.count, 0);
  const parts = lost > 0 ? [`${formatCount(lost)} (${formatPart(lost / (lost + received))})`] : [];
  return (
    [...parts, ...(repeated > 0 ? [`${formatCount(repeated)} repeated`] : [])].join(", ") || "0"
  );
}

function formatErrors({ results }: CaseResult): string[] {
  return results.flatMap(({ contestant, error }) =>
    error === undefined ? [] : [`  ${contestant} failed: ${error.replaceAll(/\s+/g, " ")}`],
  );
}
