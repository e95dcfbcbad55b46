import type { ConnectError } from "@connectrpc/connect";
import { type Backoff, createBackoff } from "../calls/backoff.ts";
import { clientError } from "../calls/client-error.ts";
import { delay } from "../calls/delay.ts";
import { isRetryable } from "../calls/is-retryable.ts";
import type { ResolvedOptions } from "../chat-client-options.ts";
import type { StreamState } from "./stream-state.ts";
import type { WatchedStream } from "./watched-stream.ts";

/** The state between a stream that broke and the next one. */
export type Waiting = Extract<StreamState, { readonly name: "waiting" }>;

/** What a reconnecting stream needs of its owner. */
export interface ReconnectingStreamOptions<T> {
  readonly backoff: ResolvedOptions["backoff"];
  /** Opens the next stream, from wherever its owner has come to. */
  readonly open: () => WatchedStream<T>;
  /** Told each time a stream broke, before the next one is waited for. */
  readonly onWaiting: (state: Waiting) => void;
  /** Asked when to open the next stream after an error that another one by itself cannot mend. */
  readonly mend?: (error: ConnectError) => Promise<NextStream>;
}

/** When the next stream is opened; never is the end of all. */
export type NextStream = "at-once" | "in-time" | "never";

/**
 * The messages of one stream after another, for one reader. Where a stream breaks,
 * ends or goes silent, the next one is opened, after a random time that grows with
 * each failure.
 *
 * Nothing happens before the first `next()`, and nothing is read ahead of the
 * reader. Iteration ends quietly once it is stopped, and throws the `ConnectError`
 * that another stream cannot mend.
 */
export class ReconnectingStream<T> implements AsyncIterable<T> {
  readonly #options: ReconnectingStreamOptions<T>;
  readonly #backoff: Backoff;
  readonly #stop = new AbortController();
  #wait = new AbortController();

  constructor(options: ReconnectingStreamOptions<T>) {
    this.#options = options;
    this.#backoff = createBackoff(options.backoff);
  }

  /** Aborts when it is stopped. */
  get stopped(): AbortSignal {
    return this.#stop.signal;
  }

  /** Says that a stream did more than open: the next failure is the first of its kind. */
  resetBackoff(): void {
    this.#backoff.reset();
  }

  /** Opens the next stream now when it waits for the time of it. */
  retryNow(): void {
    this.#wait.abort();
  }

  /** Gives up the stream that is open, and opens no other. */
  stop(): void {
    this.#stop.abort();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, undefined, undefined> {
    const stopped = this.#stop.signal;
    while (!stopped.aborted) {
      const stream = this.#options.open();
      let failure: ConnectError;
      stopped.addEventListener("abort", stream.cancel);
      try {
        // Whoever was told of the opening may have stopped it.
        while (!stopped.aborted) {
          yield await stream.next();
        }
        return;
      } catch (reason) {
        failure = clientError(reason);
      } finally {
        stopped.removeEventListener("abort", stream.cancel);
        stream.cancel();
      }
      if (!stopped.aborted) {
        await this.#recover(failure);
      }
    }
  }

  /** Waits for the time of the next stream, or throws what it cannot mend. */
  async #recover(error: ConnectError): Promise<void> {
    const next = isRetryable(error) ? "in-time" : await this.#options.mend?.(error);
    if (this.#stop.signal.aborted || next === "at-once") {
      return;
    }
    if (next !== "in-time") {
      throw error;
    }
    const waitMs = this.#backoff.next(error);
    this.#wait = new AbortController();
    this.#options.onWaiting({ name: "waiting", retryAtMs: Date.now() + waitMs, error });
    await delay(waitMs, AbortSignal.any([this.#stop.signal, this.#wait.signal]));
  }
}
