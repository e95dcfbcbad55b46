import type { StoredMessage } from "./message-log.ts";

/** What keeping a message costs beside its payload, roughly, in bytes. */
const entryOverheadBytes = 256;

/** Counts the bytes of all tails that share it. */
export interface TailBudget {
  heldBytes: number;
}

/** The newest messages of a room, in order and without gap, bounded in bytes. */
export class Tail {
  readonly #maxBytes: number;
  readonly #budget: TailBudget;
  #messages: StoredMessage[] = [];
  /** Where the kept messages begin in the array: removed ones are cut off in bulk. */
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

  /** Adds the room's next message; lets go of the oldest ones when there are too many bytes. */
  push(message: StoredMessage): void {
    this.#messages.push(message);
    this.#count(cost(message));
    while (this.#bytes > this.#maxBytes) {
      const oldest = this.#messages[this.#start] as StoredMessage;
      this.#start += 1;
      this.#count(-cost(oldest));
      this.#startsAfter = oldest.sequence;
    }
    if (this.#start > 1_024 && this.#start * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#start);
      this.#start = 0;
    }
  }

  /** Lets go of everything. */
  clear(): void {
    this.#startsAfter = this.#messages.at(-1)?.sequence ?? this.#startsAfter;
    this.#messages = [];
    this.#start = 0;
    this.#count(-this.#bytes);
  }

  /**
   * The first message after the sequence, which must not be below `startsAfter`.
   */
  after(sequence: number): StoredMessage | undefined {
    return firstAfter(this.#messages, sequence, this.#start);
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.heldBytes += bytes;
  }
}

/** The first message after the sequence among messages that are in order. */
export function firstAfter(
  messages: readonly StoredMessage[],
  sequence: number,
  start = 0,
): StoredMessage | undefined {
  let low = start;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((messages[middle] as StoredMessage).sequence > sequence) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return messages[low];
}

function cost(message: StoredMessage): number {
  return message.payload.byteLength + entryOverheadBytes;
}
