import { connect, disconnect } from "../load/connection.ts";
import { Histogram } from "../load/histogram.ts";
import { sendOnSchedule } from "../load/open-loop.ts";
import { openPublisher } from "../load/publisher.ts";
import { settle } from "../load/settle.ts";
import { createStampedMessage, readStampMs } from "../load/stamps.ts";
import { openSubscriptions } from "../load/subscribers.ts";
import { openUsageWindow } from "../load/usage-window.ts";
import { defineWork, type Work, type WorkCase } from "./work.ts";

interface LatencyParameters {
  readonly messagesPerSecond: number;
  readonly subscribers: number;
  readonly connections: number;
}

/** From when a message was due to be sent to its arrival, at a rate that is given. */
export const latency: Work = defineWork<LatencyParameters>({
  name: "latency",
  title: "Latency: from when a message is due until a subscriber has it, at a fixed rate",
  operation: "delivery",
  metrics: [
    { key: "p99Ms", title: "p99 ms", better: "lower" },
    { key: "p50Ms", title: "p50 ms", better: "lower" },
    { key: "p999Ms", title: "p99.9 ms", better: "lower" },
  ],
  cases: [latencyCase(1_000, 10), latencyCase(1_000, 100, true), latencyCase(100, 1_000)],
  needs: () => ({ protocol: "grpc", history: false }),

  async measure(target, { messagesPerSecond, subscribers, connections }, timing) {
    const publishing = await connect(target);
    let histogram = new Histogram();
    const subscriptions = await openSubscriptions(target, {
      subscribers,
      connections,
      onPayload: (payload) => {
        const stampMs = readStampMs(payload);
        if (stampMs !== undefined) {
          histogram.record(performance.now() - stampMs);
        }
      },
    });
    const publisher = openPublisher(publishing, target);
    const message = createStampedMessage();
    const run = async (durationMs: number) => {
      histogram = new Histogram();
      const { sent, startMs } = await sendOnSchedule({
        perSecond: messagesPerSecond,
        durationMs,
        send: (dueMs) => publisher.write(message.at(dueMs)),
      });
      await settle(target.pid, sent * subscribers, () => histogram.count);
      return { sent, elapsedSeconds: (performance.now() - startMs) / 1_000 };
    };
    try {
      await run(timing.warmupMs);
      const usage = await openUsageWindow(target);
      const { sent, elapsedSeconds } = await run(timing.durationMs);
      const missing = sent * subscribers - histogram.count;
      return {
        ...(await usage.close(histogram.count, elapsedSeconds)),
        values: {
          p50Ms: histogram.quantileMs(0.5),
          p99Ms: histogram.quantileMs(0.99),
          p999Ms: histogram.quantileMs(0.999),
        },
        count: histogram.count,
        elapsedSeconds,
        lost: Math.max(0, missing),
        repeated: Math.max(0, -missing),
        generator: "node",
      };
    } finally {
      subscriptions.close();
      disconnect([publishing]);
    }
  },
});

function latencyCase(
  messagesPerSecond: number,
  subscribers: number,
  isQuick = false,
): WorkCase<LatencyParameters> {
  const connections = 10;
  return {
    name: `${messagesPerSecond.toLocaleString("en")} messages/s to ${subscribers.toLocaleString("en")} subscribers on ${connections} connections`,
    isQuick,
    parameters: { messagesPerSecond, subscribers, connections },
  };
}
