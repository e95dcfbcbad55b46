import { ConnectError } from "@connectrpc/connect";

/** Who is told that the server has begun to end. */
export interface EndingListener {
  onEnding(): void;
}

/**
 * The end of the server, for its streams. They could listen to the signal themselves, but
 * to take a listener off a signal costs a walk over all of them, and there may be many.
 */
export class Ending {
  readonly #signal: AbortSignal;
  readonly #listeners = new Set<EndingListener>();

  /** @param signal - aborts when the end begins, with the error that streams end with */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => {
      for (const listener of this.#listeners) {
        listener.onEnding();
      }
    });
  }

  get begun(): boolean {
    return this.#signal.aborted;
  }

  /** Tells a listener once, when the end begins. */
  add(listener: EndingListener): void {
    this.#listeners.add(listener);
  }

  delete(listener: EndingListener): void {
    this.#listeners.delete(listener);
  }

  /** @throws ConnectError the one that streams end with, when the end has begun. */
  throwIfBegun(): void {
    if (this.#signal.aborted) {
      throw ConnectError.from(this.#signal.reason);
    }
  }
}
