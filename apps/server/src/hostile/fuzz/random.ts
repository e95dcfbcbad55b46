/** Numbers and choices that a seed determines. */
export interface Random {
  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** @throws RangeError when there is nothing to pick from. */
  pick<T>(from: readonly T[]): T;
  bytes(length: number): Buffer;
  /** A length: mostly small, seldom up to `max`. */
  length(max: number): number;
  /** The same elements in another order. */
  shuffle<T>(from: readonly T[]): T[];
}

/** Creates the sequence of a seed; `index` names one of the many sequences that it has. */
export function createRandom(seed: number, index = 0): Random {
  // https://gist.github.com/tommyettinger/46a874533244883189143505d203312c, after a mix that
  // keeps neighbouring seeds and indices apart.
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) | 0;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const int = (min: number, max: number) => min + Math.floor(next() * (max - min + 1));
  return {
    int,
    chance: (probability) => next() < probability,
    pick<T>(from: readonly T[]): T {
      if (from.length === 0) {
        throw new RangeError("nothing to pick from");
      }
      return from[int(0, from.length - 1)] as T;
    },
    bytes: (length) => Buffer.from(Array.from({ length }, () => int(0, 255))),
    length: (max) => Math.floor(max ** next()) - (next() < 0.2 ? 1 : 0),
    shuffle<T>(from: readonly T[]): T[] {
      const shuffled = [...from];
      for (let index = shuffled.length - 1; index > 0; index--) {
        const other = int(0, index);
        [shuffled[index], shuffled[other]] = [shuffled[other] as T, shuffled[index] as T];
      }
      return shuffled;
    },
  };
}
