import type { Contestant } from "./contestants/contestant.ts";
import type { Progress } from "./progress.ts";

const longestPrepareMs = 600_000;

/** Who takes part, and who cannot and why. */
export interface PreparedContestants {
  readonly present: readonly Contestant[];
  readonly leftOut: readonly { readonly name: string; readonly reason: string }[];
}

/** Makes contestants ready to start: within half of the time that the whole run has. */
export async function prepareContestants(
  contestants: readonly Contestant[],
  progress: Progress,
  timeLimitMs: number = Number.POSITIVE_INFINITY,
): Promise<PreparedContestants> {
  const present: Contestant[] = [];
  const leftOut: { name: string; reason: string }[] = [];
  for (const contestant of contestants) {
    const reason = await contestant.prepare?.(
      (line) => progress.show(line),
      Math.min(longestPrepareMs, timeLimitMs / 2),
    );
    if (reason === undefined) {
      present.push(contestant);
    } else {
      leftOut.push({ name: contestant.name, reason });
    }
  }
  progress.clear();
  return { present, leftOut };
}
