import { MessageLogError } from "../message-log.ts";
import { fromPlainError, type ReaderQuery, type ReaderResponse } from "./worker-messages.ts";

/** Bounds of a queue of reads. */
export interface ReadQueueLimits {
  /** How many reads may wait before more are refused. */
  readonly maxWaiting: number;
  /** How many reads are with the reader at once. */
  readonly maxSent: number;
  /** How many bytes of pages they may ask for together, a single larger read aside. */
  readonly maxSentBytes: number;
}

const defaultLimits: ReadQueueLimits = {
  maxWaiting: 100_000,
  maxSent: 4,
  maxSentBytes: 8 * 1024 * 1024,
};

interface Read {
  readonly query: ReaderQuery;
  readonly bytes: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: MessageLogError) => void;
}

/**
 * The reads of a log on their way to its reader, which answers them in order. Only a few
 * are with the reader at once: its pages would pile up in memory when it is faster than
 * those who wait for them.
 */
export class ReadQueue {
  readonly #send: (query: ReaderQuery) => void;
  readonly #limits: ReadQueueLimits;
  /** Reads from `#first` on wait or are sent; the places before it are empty. */
  #reads: (Read | undefined)[] = [];
  #first = 0;
  #sentCount = 0;
  #sentBytes = 0;

  /** @param send - hands a query to the reader, which answers with `onResponse` */
  constructor(send: (query: ReaderQuery) => void, limits: Partial<ReadQueueLimits> = {}) {
    this.#send = send;
    this.#limits = { ...defaultLimits, ...limits };
  }

  /**
   * Resolves with what the reader answers.
   *
   * @throws MessageLogError what the reader throws; "overloaded" when too many reads wait.
   */
  read<T>(query: ReaderQuery): Promise<T> {
    const waiting = this.#reads.length - this.#first - this.#sentCount;
    if (waiting >= this.#limits.maxWaiting) {
      return Promise.reject(new MessageLogError("overloaded", "too many reads wait"));
    }
    return new Promise<T>((resolve, reject) => {
      const bytes = "bytes" in query ? query.bytes : 0;
      this.#reads.push({ query, bytes, resolve: (value) => resolve(value as T), reject });
      this.#sendMore();
    });
  }

  /** Takes the reader's answer to the oldest read that it has. */
  onResponse(response: Exclude<ReaderResponse, { type: "opened" }>): void {
    const read = this.#reads[this.#first];
    if (!read || this.#sentCount === 0) {
      // The queue was ended while the reader worked.
      return;
    }
    this.#reads[this.#first] = undefined;
    this.#first += 1;
    this.#sentCount -= 1;
    this.#sentBytes -= read.bytes;
    if (this.#first > 1_000 && this.#first * 2 > this.#reads.length) {
      this.#reads = this.#reads.slice(this.#first);
      this.#first = 0;
    }
    this.#sendMore();
    if ("error" in response) {
      read.reject(fromPlainError(response.error));
    } else {
      read.resolve(response.value);
    }
  }

  /** Fails every read that is not answered yet. */
  end(error: MessageLogError): void {
    const reads = this.#reads;
    this.#reads = [];
    this.#first = 0;
    this.#sentCount = 0;
    this.#sentBytes = 0;
    for (const read of reads) {
      read?.reject(error);
    }
  }

  #sendMore(): void {
    const { maxSent, maxSentBytes } = this.#limits;
    while (this.#sentCount < maxSent) {
      const next = this.#reads[this.#first + this.#sentCount];
      if (!next || (this.#sentCount > 0 && this.#sentBytes + next.bytes > maxSentBytes)) {
        return;
      }
      try {
        this.#send(next.query);
      } catch (error) {
        this.#reads.splice(this.#first + this.#sentCount, 1);
        const cause = { cause: error };
        next.reject(new MessageLogError("unavailable", `cannot read: ${error}`, cause));
        continue;
      }
      this.#sentCount += 1;
      this.#sentBytes += next.bytes;
    }
  }
}
