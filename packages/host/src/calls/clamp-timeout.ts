/** The longest time that a timer of Node takes; above it, it fires at once. */
export const maxTimerMs: number = 2 ** 31 - 1;

const unitsMs: Readonly<Record<string, number>> = {
  n: 1e-6,
  u: 1e-3,
  m: 1,
  S: 1_000,
  M: 60_000,
  H: 3_600_000,
};

/**
 * Replaces a timeout of more than 24.8 days, which Connect's handlers would hand to a timer of
 * Node as it is, by that: the call would fail at once with DEADLINE_EXCEEDED. A timeout that
 * is not valid, or longer than callers may ask for, is left for them to refuse.
 */
export function clampTimeout(header: Headers, maxTimeoutMs: number): void {
  const isTooLong = (ms: number) => ms > maxTimerMs && ms <= maxTimeoutMs;
  const [, digits, unit = ""] =
    /^(\d{1,8})([HMSmun])$/.exec(header.get("grpc-timeout") ?? "") ?? [];
  if (digits !== undefined && isTooLong(Number(digits) * (unitsMs[unit] ?? 0))) {
    header.set("grpc-timeout", `${Math.floor(maxTimerMs / 1_000)}S`);
  }
  const connectTimeout = header.get("connect-timeout-ms") ?? "";
  if (/^\d{1,10}$/.test(connectTimeout) && isTooLong(Number(connectTimeout))) {
    header.set("connect-timeout-ms", String(maxTimerMs));
  }
}
