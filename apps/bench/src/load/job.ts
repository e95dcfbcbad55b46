import type { Sample, Timing } from "../work/work.ts";
import type { Target } from "./connection.ts";

/** What the load generator's process is asked to do: one measurement. */
export interface Job {
  readonly work: string;
  readonly parameters: unknown;
  readonly target: Target;
  readonly timing: Timing;
}

/** Its answer. */
export type JobResult = { readonly sample: Sample } | { readonly error: string };
