import type { Transport } from "@connectrpc/connect";

// A runtime's timer fires at once when it is set to more.
const longestTimeoutMs = 2 ** 31 - 1;

/**
 * The timeout that a transport of Connect can be given in place of this one: 24.8 days for
 * all that are longer, infinity included, and whole milliseconds, as the header wants them.
 */
export function clampTimeout(timeoutMs: number): number {
  return Math.min(Math.ceil(timeoutMs), longestTimeoutMs);
}

/**
 * The same transport, for calls with timeouts of any length: Connect's own fail at once with
 * DEADLINE_EXCEEDED where the timeout is longer than a timer can be.
 */
export function clampTimeouts(transport: Transport): Transport {
  const clamp = (timeoutMs: number | undefined) =>
    timeoutMs === undefined ? undefined : clampTimeout(timeoutMs);
  return {
    unary: (method, signal, timeoutMs, ...rest) =>
      transport.unary(method, signal, clamp(timeoutMs), ...rest),
    stream: (method, signal, timeoutMs, ...rest) =>
      transport.stream(method, signal, clamp(timeoutMs), ...rest),
  };
}
