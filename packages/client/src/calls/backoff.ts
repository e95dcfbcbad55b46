import type { ConnectError } from "@connectrpc/connect";
import { retryDelayMs } from "./is-retryable.ts";

/** Decides how long to wait before each try. */
export interface Backoff {
  /**
   * How long to wait after this failure, in milliseconds: at least what the
   * server asked for, plus a jittered time that doubles with every call.
   */
  next(error: ConnectError): number;
  /** Starts over after a success. */
  reset(): void;
}

export function createBackoff(options: { initialMs: number; maxMs: number }): Backoff {
  let ceilingMs = options.initialMs;
  return {
    next(error) {
      const jitteredMs = Math.random() * ceilingMs;
      ceilingMs = Math.min(ceilingMs * 2, options.maxMs);
      return (retryDelayMs(error) ?? 0) + jitteredMs;
    },
    reset() {
      ceilingMs = options.initialMs;
    },
  };
}
