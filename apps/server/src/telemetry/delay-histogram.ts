/** The upper bound of the first bucket, in ms, and how much wider each next one is. */
const firstBoundMs = 0.1;
const growth = 1.05;
/** The last bucket begins at more than two minutes. */
const bucketCount = 300;

/** How often each delay was seen, since the start. */
export type DelayCounts = Readonly<Uint32Array>;

/**
 * Counts delays, in buckets that are exact to 5 %. Unlike Node's histograms its counts can be
 * subtracted: intervals that overlap need one histogram, not one each.
 */
export class DelayHistogram {
  readonly #counts = new Uint32Array(bucketCount);

  record(delayMs: number): void {
    const bucket = Math.ceil(Math.log(delayMs / firstBoundMs) / Math.log(growth));
    const index = Math.min(Math.max(bucket, 0), bucketCount - 1);
    this.#counts[index] = (this.#counts[index] as number) + 1;
  }

  counts(): DelayCounts {
    return this.#counts.slice();
  }
}

/** A quantile of the delays seen between two looks at a histogram, in ms; 0 when there were none. */
export function delayQuantile(before: DelayCounts, after: DelayCounts, quantile: number): number {
  const counts = Array.from(after, (count, index) => count - (before[index] as number));
  const total = counts.reduce((sum, count) => sum + count, 0);
  let seen = 0;
  for (const [index, count] of counts.entries()) {
    seen += count;
    if (seen > 0 && seen >= quantile * total) {
      return index === 0 ? 0 : firstBoundMs * growth ** index;
    }
  }
  return 0;
}
