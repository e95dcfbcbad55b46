import { clientError } from "../calls/client-error.ts";

/**
 * Iterates a stream of the server that belongs to its reader: it is cancelled
 * when the reader breaks out (Connect's own iterables are not), and ends quietly
 * when the signal aborts.
 */
export async function* readServerStream<T>(
  open: (signal: AbortSignal) => AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T, undefined, undefined> {
  const controller = new AbortController();
  const abort = () => controller.abort();
  signal?.addEventListener("abort", abort);
  try {
    if (!signal?.aborted) {
      yield* open(controller.signal);
    }
  } catch (reason) {
    if (!controller.signal.aborted) {
      throw clientError(reason);
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    controller.abort();
  }
}
