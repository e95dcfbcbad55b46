import type { ContestantResult, WorkResult } from "../run-report.ts";
import { formatCount, formatFigure, formatPart } from "./figures.ts";

const none = "-";

/** The titles of a work's figures, as {@link figuresOf} gives them. */
export function figureTitles(work: WorkResult, baseline: string): string[] {
  const [first, ...others] = work.metrics;
  return [
    first.title,
    "min..max",
    `x ${baseline}`,
    ...others.map(({ title }) => title),
    `CPU s/M ${work.operation === "delivery" ? "deliveries" : `${work.operation}s`}`,
    "RSS MB",
    "load cores",
    "lost",
  ];
}

/** What a report says of a contestant in one case. */
export function figuresOf(work: WorkResult, result: ContestantResult): string[] {
  const [first, ...others] = work.metrics;
  const summary = result.summaries[first.key];
  const median = (key: string, scale = 1) => {
    const found = result.summaries[key];
    return found ? formatFigure(found.median * scale) : none;
  };
  return [
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

/** Why a contestant has no more figures, on one line; undefined when nothing failed. */
export function failureOf({ contestant, error }: ContestantResult): string | undefined {
  return error === undefined ? undefined : `${contestant} failed: ${error.replaceAll(/\s+/g, " ")}`;
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
