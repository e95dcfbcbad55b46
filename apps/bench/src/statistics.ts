/** What several samples of one figure say. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Summarises samples; undefined when there are none. */
export function summarise(samples: readonly number[]): Summary | undefined {
  const sorted = samples.toSorted((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) {
    return undefined;
  }
  const middle = (sorted.length - 1) / 2;
  const lower = sorted[Math.floor(middle)] as number;
  const upper = sorted[Math.ceil(middle)] as number;
  return { median: (lower + upper) / 2, min, max };
}

/** How many times the baseline a figure is; undefined when that means nothing. */
export function ratio(figure: number, baseline: number | undefined): number | undefined {
  return baseline ? figure / baseline : undefined;
}
