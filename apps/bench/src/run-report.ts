import type { Environment } from "./environment.ts";
import type { Summary } from "./statistics.ts";
import type { Metric, Sample, Timing } from "./work/work.ts";

/** How one contestant did in one case. */
export interface ContestantResult {
  readonly contestant: string;
  /** One for each round. */
  readonly samples: readonly Sample[];
  /** Of each metric of the work, and of what every sample holds, by key. */
  readonly summaries: Readonly<Record<string, Summary>>;
  /** The median of the work's first metric over the baseline's. */
  readonly ratio?: number | undefined;
  /** Of all rounds. */
  readonly lost: number;
  /** Why there are no more samples. */
  readonly error?: string | undefined;
}

/** One size of a work. */
export interface CaseResult {
  readonly name: string;
  readonly parameters: unknown;
  readonly results: readonly ContestantResult[];
}

/** A work's cases. */
export interface WorkResult {
  readonly name: string;
  readonly title: string;
  readonly operation: string;
  readonly metrics: readonly [Metric, ...Metric[]];
  readonly cases: readonly CaseResult[];
}

/** All that a run found. */
export interface RunReport {
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly environment: Environment;
  readonly settings: Timing & { readonly rounds: number; readonly isQuick: boolean };
  /** The contestant that ratios refer to. */
  readonly baseline: string;
  readonly contestants: readonly { readonly name: string; readonly description: string }[];
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
  /** What a reader of the figures must know, a line each. */
  readonly notes: readonly string[];
  readonly works: readonly WorkResult[];
}
