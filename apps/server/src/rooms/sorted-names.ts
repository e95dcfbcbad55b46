import { compareNames } from "./compare-names.ts";

/** A set of names in code point order, of which any part can be had without the rest. */
export class SortedNames {
  readonly #names: string[] = [];

  get size(): number {
    return this.#names.length;
  }

  /** Does nothing if it is there. */
  add(name: string): void {
    const index = this.#indexOf(name);
    if (this.#names[index] !== name) {
      this.#names.splice(index, 0, name);
    }
  }

  /** Does nothing if it is not there. */
  delete(name: string): void {
    const index = this.#indexOf(name);
    if (this.#names[index] === name) {
      this.#names.splice(index, 1);
    }
  }

  /** The first names after a name, which need not be there itself. */
  after(name: string, limit: number): string[] {
    const index = this.#indexOf(name);
    const start = this.#names[index] === name ? index + 1 : index;
    return this.#names.slice(start, start + limit);
  }

  /** Where a name is or would be. */
  #indexOf(name: string): number {
    let low = 0;
    let high = this.#names.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareNames(this.#names[middle] as string, name) < 0) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
