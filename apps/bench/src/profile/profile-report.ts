import type { Environment } from "../environment.ts";
import type { Metric, Sample, Timing } from "../work/work.ts";
import type { ThreadProfile } from "./cpu-profile.ts";
import type { KindGrowth } from "./heap-growth.ts";

/** What a subscriber adds to the heap of the server's main thread, after collection. */
export interface HeapResult {
  /** By how many subscribers the growth was divided. */
  readonly items: number;
  /** Of each: objects, as V8 counts them. */
  readonly heapBytes: number;
  /** Of each: buffers that lie outside of the heap. */
  readonly bufferBytes: number;
  /** Of each: the process's resident memory, in a run of its own without snapshots. */
  readonly residentBytes: number;
  /** Of each; the largest first. */
  readonly kinds: readonly KindGrowth[];
}

/** What was seen of one contestant in one case. */
export interface ProfileResult {
  readonly contestant: string;
  /** What it did meanwhile, slowed down by being observed. */
  readonly sample?: Sample | undefined;
  /** Main thread first; undefined where the heap was looked at instead. */
  readonly threads?: readonly ThreadProfile[] | undefined;
  readonly heap?: HeapResult | undefined;
  readonly error?: string | undefined;
}

/** A work's representative case. */
export interface ProfiledWork {
  readonly name: string;
  readonly title: string;
  readonly operation: string;
  readonly metric: Metric;
  readonly caseName: string;
  readonly results: readonly ProfileResult[];
}

/** All that a run with profiles found. */
export interface ProfileReport {
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly environment: Environment;
  readonly settings: Timing;
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
  readonly works: readonly ProfiledWork[];
}
