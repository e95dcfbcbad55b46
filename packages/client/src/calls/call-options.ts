import type { CallOptions } from "@connectrpc/connect";

/** For a stream, which lasts as long as it lasts, whatever default its transport has. */
export const noDeadlineMs = 0;

// As much as gRPC's header can say: eight digits, 27.7 hours. A transport passes on what it is
// given, and to a timer too, of which one beyond 2^31-1 ms fires at once.
const longestDeadlineMs = 99_999_999;

/**
 * The options of one call: Connect's own do not take a signal that is undefined.
 *
 * @param timeoutMs - any deadline; it is rounded up and cut to what can be told to a server
 */
export function callOptions(signal: AbortSignal | undefined, timeoutMs: number): CallOptions {
  const deadlineMs = Math.min(Math.ceil(timeoutMs), longestDeadlineMs);
  return signal ? { signal, timeoutMs: deadlineMs } : { timeoutMs: deadlineMs };
}
