// 128 buckets for each doubling: a value is known to better than a hundredth.
const bucketsPerDoubling = 128;
const doublings = 36;

/** Counts durations in buckets that grow with them, without keeping each one. */
export class Histogram {
  readonly #counts = new Float64Array(bucketsPerDoubling * doublings);
  #count = 0;
  #max = 0;

  /** How many durations were recorded. */
  get count(): number {
    return this.#count;
  }

  /** Records a duration; what is below a microsecond counts as one. */
  record(durationMs: number): void {
    const microseconds = Math.max(1, durationMs * 1_000);
    const bucket = Math.min(
      Math.floor(Math.log2(microseconds) * bucketsPerDoubling),
      this.#counts.length - 1,
    );
    (this.#counts[bucket] as number)++;
    this.#count++;
    this.#max = Math.max(this.#max, durationMs);
  }

  /**
   * The duration, in milliseconds, that this part of the recorded ones did not exceed,
   * to within a hundredth; 0 when there are none.
   *
   * @param part From 0 to 1; 0.99 for p99.
   */
  quantileMs(part: number): number {
    const rank = Math.max(1, Math.ceil(part * this.#count));
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (seen >= rank && count > 0) {
        return Math.min(2 ** ((bucket + 1) / bucketsPerDoubling) / 1_000, this.#max);
      }
    }
    return 0;
  }
}
