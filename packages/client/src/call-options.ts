import type { CallOptions } from "@connectrpc/connect";

/** For a stream, which lasts as long as it lasts, whatever default its transport has. */
export const noDeadlineMs = 0;

/** The options of one call: Connect's own do not take a signal that is undefined. */
export function callOptions(signal: AbortSignal | undefined, timeoutMs: number): CallOptions {
  return signal ? { signal, timeoutMs } : { timeoutMs };
}
