import type { Frames } from "../log/frames.ts";

/** Counts the bytes of all tails that share it. */
export interface TailBudget {
  heldBytes: number;
}

/** The newest messages of a room as frames, in order and without gap, bounded in bytes. */
export class Tail {
  readonly #maxBytes: number;
  readonly #budget: TailBudget;
  /** The places before `#start` are empty: they are cut off in bulk. */
  #chunks: (Frames | undefined)[] = [];
  #start = 0;
  #bytes = 0;
  #startsAfter: number;

  /** An empty tail of a room whose newest message has the given sequence. */
  constructor(startsAfter: number, maxBytes: number, budget: TailBudget = { heldBytes: 0 }) {
    this.#startsAfter = startsAfter;
    this.#maxBytes = maxBytes;
    this.#budget = budget;
  }

  /** The tail holds every message of the room after this sequence. */
  get startsAfter(): number {
    return this.#startsAfter;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds the room's next messages; lets go of the oldest ones when there are too many bytes. */
  push(frames: Frames): void {
    this.#chunks.push(frames);
    this.#count(frames.heldBytes);
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#chunks[this.#start] as Frames;
      this.#chunks[this.#start] = undefined;
      this.#start += 1;
      this.#count(-oldest.heldBytes);
      this.#startsAfter = oldest.lastSequence;
    }
    if (this.#start > 256 && this.#start * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#start);
      this.#start = 0;
    }
  }

  /** Lets go of everything; what is pushed next follows on the sequence. */
  clear(startsAfter: number = this.#chunks.at(-1)?.lastSequence ?? this.#startsAfter): void {
    this.#startsAfter = startsAfter;
    this.#chunks = [];
    this.#start = 0;
    this.#count(-this.#bytes);
  }

  /**
   * The chunk that holds the first message after the sequence, which must not be below
   * `startsAfter`; undefined when that is the newest.
   */
  chunkAfter(sequence: number): Frames | undefined {
    let low = this.#start;
    let high = this.#chunks.length;
    // A reader that keeps up wants the last one.
    if (high > low && (this.#chunks[high - 2]?.lastSequence ?? -1) <= sequence) {
      low = high - 1;
    }
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#chunks[middle] as Frames).lastSequence > sequence) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return this.#chunks[low];
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.heldBytes += bytes;
  }
}
