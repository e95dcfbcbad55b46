import { ConnectError } from "@connectrpc/connect";

/** A stream that is told when the server begins to drain. */
export interface DrainListener {
  onServerDrain(): void;
}

/**
 * The drain of the server, as its streams see it. They could listen to the signal themselves,
 * but to take a listener off a signal costs a walk over all of them, and there may be many.
 */
export class ServerDrain {
  readonly #signal: AbortSignal;
  readonly #listeners = new Set<DrainListener>();

  /** @param signal - aborts when the drain begins, with the error that streams end with */
  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => {
      for (const listener of this.#listeners) {
        listener.onServerDrain();
      }
    });
  }

  get hasBegun(): boolean {
    return this.#signal.aborted;
  }

  /** Tells a listener once, when the drain begins. */
  add(listener: DrainListener): void {
    this.#listeners.add(listener);
  }

  delete(listener: DrainListener): void {
    this.#listeners.delete(listener);
  }

  /** The one that streams end with, when the drain has begun. */
  get error(): ConnectError | undefined {
    return this.#signal.aborted ? ConnectError.from(this.#signal.reason) : undefined;
  }

  /** @throws ConnectError `error`, when the drain has begun. */
  throwIfBegun(): void {
    if (this.#signal.aborted) {
      throw this.error;
    }
  }
}
