import { setTimeout as delay } from "node:timers/promises";
import { openSubscriptions } from "../load/subscribers.ts";
import { openUsageWindow } from "../load/usage-window.ts";
import { readProcessUsage } from "../process-usage.ts";
import { defineWork, type Work, type WorkCase } from "./work.ts";

interface MemoryParameters {
  readonly subscribers: number;
  readonly connections: number;
}

// Code that runs for the first time takes memory that has nothing to do with a subscriber.
const warmupSubscribers = 50;
const settleMs = 1_000;

/** What an idle subscription costs, as growth of the server's resident memory. */
export const memory: Work = defineWork<MemoryParameters>({
  name: "memory",
  title: "Memory: growth of the server for each idle subscriber",
  operation: "subscriber",
  metrics: [{ key: "kilobytesPerSubscriber", title: "KB each", better: "lower" }],
  cases: [
    memoryCase(1_000, 10, true),
    memoryCase(10_000, 10),
    memoryCase(1_000, 1_000, true),
    memoryCase(10_000, 10_000),
  ],
  needs: () => ({ protocol: "grpc", history: false }),

  async measure(target, { subscribers, connections }) {
    const warmup = await openSubscriptions(target, {
      subscribers: warmupSubscribers,
      connections: Math.min(connections, warmupSubscribers),
    });
    await delay(settleMs);
    const before = readProcessUsage(target.pid).rssBytes;
    const usage = await openUsageWindow(target);
    const startMs = performance.now();
    const subscriptions = await openSubscriptions(target, { subscribers, connections });
    const elapsedSeconds = (performance.now() - startMs) / 1_000;
    try {
      await delay(settleMs);
      const used = await usage.close(subscribers, elapsedSeconds);
      return {
        ...used,
        values: { kilobytesPerSubscriber: (used.rssBytes - before) / 1_000 / subscribers },
        count: subscribers,
        elapsedSeconds,
        lost: subscriptions.endedCount,
        repeated: 0,
        generator: "node",
      };
    } finally {
      warmup.close();
      subscriptions.close();
    }
  },
});

function memoryCase(
  subscribers: number,
  connections: number,
  isQuick = false,
): WorkCase<MemoryParameters> {
  const where =
    connections === subscribers
      ? "each on its connection"
      : `sharing ${connections.toLocaleString("en")} connections`;
  return {
    name: `${subscribers.toLocaleString("en")} subscribers ${where}`,
    isQuick,
    parameters: { subscribers, connections },
  };
}
