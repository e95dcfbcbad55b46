import type { Protocol, Target } from "../load/connection.ts";

/** How much time a measurement is given. */
export interface Timing {
  /** How long the work runs before it is measured. */
  readonly warmupMs: number;
  /** How long it is measured. */
  readonly durationMs: number;
}

/** What one measurement found. */
export interface Sample {
  /** By the keys of the work's metrics. */
  readonly values: Readonly<Record<string, number>>;
  /** Operations done in the measured time: deliveries, calls, messages. */
  readonly count: number;
  /** How long they took. */
  readonly elapsedSeconds: number;
  /** Messages that a reader should have received, or a server acknowledged, and did not. */
  readonly lost: number;
  /** Messages that came more often than they were sent. */
  readonly repeated: number;
  /** The server's CPU time, in seconds, for a million operations. */
  readonly cpuSecondsPerMillion: number;
  /** The server's resident memory at the end. */
  readonly rssBytes: number;
  /** How many cores the load generator used: near 1, it may be what limits. */
  readonly generatorCores: number;
  /** Which generator made the load. */
  readonly generator: "node" | "h2load";
}

/** A figure of a {@link Sample}. */
export interface Metric {
  readonly key: string;
  /** With its unit, such as "calls/s" or "p99 ms". */
  readonly title: string;
  readonly better: "higher" | "lower";
}

/** One size of a work. */
export interface WorkCase<Parameters> {
  /** Unique within the work, and short: "100 subscribers on 10 connections". */
  readonly name: string;
  /** Whether it belongs to a quick run. */
  readonly isQuick: boolean;
  readonly parameters: Parameters;
}

/** What a contestant must be able to do to take part in a case. */
export interface Needs {
  readonly protocol: Protocol;
  /** Whether messages must outlive their delivery. */
  readonly history: boolean;
}

/** Something to measure, at several sizes. */
export interface Work<Parameters = unknown> {
  /** What `--only` calls it. */
  readonly name: string;
  readonly title: string;
  /** The first one is compared and drawn. */
  readonly metrics: readonly [Metric, ...Metric[]];
  /** What an operation is called, such as "delivery". */
  readonly operation: string;
  readonly cases: readonly WorkCase<Parameters>[];
  needs(parameters: Parameters): Needs;
  /** Measures; runs in the load generator's process. Rejects when the server fails it. */
  measure(target: Target, parameters: Parameters, timing: Timing): Promise<Sample>;
}

/** Keeps the type of a work's parameters to itself: the runner only hands them on. */
export function defineWork<Parameters>(work: Work<Parameters>): Work {
  return work as Work<unknown> as Work;
}
