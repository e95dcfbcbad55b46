import { Code, ConnectError } from "@connectrpc/connect";

/** One stream of the server, which lives until it breaks. */
export interface WatchedStream<T> {
  /** Aborts when the stream is over. */
  readonly signal: AbortSignal;
  /**
   * The next message, whatever it is. Rejects when the stream breaks, ends or is
   * silent for too long while somebody waits here.
   */
  next(): Promise<T>;
  /** Gives the stream up. */
  cancel(): void;
}

/** Opens a stream that is given up when it is silent for so long while its reader waits. */
export function watchStream<T>(
  silenceMs: number,
  open: (signal: AbortSignal) => AsyncIterable<T>,
): WatchedStream<T> {
  const controller = new AbortController();
  const messages = open(controller.signal)[Symbol.asyncIterator]();
  return {
    signal: controller.signal,
    async next() {
      // The timer runs only while waiting here: a reader that takes its time
      // says nothing about the stream.
      const timer = setTimeout(() => controller.abort(silence(silenceMs)), silenceMs);
      try {
        const result = await messages.next();
        if (result.done) {
          throw new ConnectError("the stream ended", Code.Unavailable);
        }
        return result.value;
      } finally {
        clearTimeout(timer);
      }
    },
    cancel: () => controller.abort(),
  };
}

function silence(ms: number): ConnectError {
  return new ConnectError(`the stream was silent for ${ms} ms`, Code.Unavailable);
}
