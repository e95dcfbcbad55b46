import type { HeapKind } from "./heap-snapshot.ts";

/** What one more subscriber, for example, adds of one kind of object. */
export interface KindGrowth {
  readonly kind: string;
  readonly count: number;
  readonly bytes: number;
}

/**
 * The difference of two snapshots' kinds, divided among what was added in between; the
 * largest first. What less than one in a hundred has, and takes less than a byte of each, is
 * chance, and left out.
 */
export function growthPerItem(
  before: ReadonlyMap<string, HeapKind>,
  after: ReadonlyMap<string, HeapKind>,
  items: number,
): KindGrowth[] {
  const none: HeapKind = { count: 0, bytes: 0 };
  return [...new Set([...before.keys(), ...after.keys()])]
    .map((kind) => {
      const { count, bytes } = after.get(kind) ?? none;
      const earlier = before.get(kind) ?? none;
      return {
        kind,
        count: (count - earlier.count) / items,
        bytes: (bytes - earlier.bytes) / items,
      };
    })
    .filter(({ count, bytes }) => Math.abs(count) >= 0.01 || Math.abs(bytes) >= 1)
    .toSorted((a, b) => b.bytes - a.bytes);
}
