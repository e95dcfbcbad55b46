import type { ConnectError } from "@connectrpc/connect";
import * as connect from "@connectrpc/connect/protocol-connect";
import * as grpc from "@connectrpc/connect/protocol-grpc";

/** The longest time that a timer of Node takes; above it, it fires at once. */
export const maxTimerMs: number = 2 ** 31 - 1;

/**
 * Replaces a timeout of more than 24.8 days, which Connect's handlers would hand to a timer of
 * Node as it is, by that: the call would fail at once with DEADLINE_EXCEEDED.
 *
 * Takes one out that is not valid, or longer than callers may ask for, and returns the error
 * to refuse it with: of Connect's handlers a streaming one would tell it to a handler that
 * reads its messages, and to no other.
 */
export function clampTimeout(
  header: Headers,
  protocol: "connect" | "grpc" | "grpc-web",
  maxTimeoutMs: number,
): ConnectError | undefined {
  const isConnect = protocol === "connect";
  const name = isConnect ? "connect-timeout-ms" : "grpc-timeout";
  const value = header.get(name);
  if (value === null) {
    return undefined;
  }
  const parse = isConnect ? connect.parseTimeout : grpc.parseTimeout;
  const { timeoutMs = 0, error } = parse(value, maxTimeoutMs);
  if (error) {
    header.delete(name);
  } else if (timeoutMs > maxTimerMs) {
    header.set(name, isConnect ? String(maxTimerMs) : `${Math.floor(maxTimerMs / 1_000)}S`);
  }
  return error;
}
