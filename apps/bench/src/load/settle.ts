import { setTimeout as delay } from "node:timers/promises";
import { createBusyCheck } from "./busy-check.ts";

const quietMs = 1_000;
const longestMs = 60_000;

/**
 * Resolves when a count has reached what is wanted, or has stood still while the server was
 * idle, or after a minute.
 */
export async function settle(
  serverPid: number,
  wanted: number,
  count: () => number,
): Promise<void> {
  const isServerBusy = createBusyCheck(serverPid);
  const endMs = performance.now() + longestMs;
  let seen = count();
  let sinceMs = performance.now();
  while (count() < wanted && performance.now() < endMs) {
    await delay(10);
    if (count() !== seen) {
      seen = count();
      sinceMs = performance.now();
    } else if (performance.now() - sinceMs > quietMs) {
      if (!isServerBusy()) {
        return;
      }
      sinceMs = performance.now();
    }
  }
}
