import { createBusyCheck } from "../load/busy-check.ts";
import { connect, disconnect } from "../load/connection.ts";
import { openPublisher } from "../load/publisher.ts";
import { chatMessages } from "../load/requests.ts";
import { openSubscriptions } from "../load/subscribers.ts";
import { openUsageWindow } from "../load/usage-window.ts";
import { type PublishingLoop, publishWindowed } from "../load/windowed-publishing.ts";
import { defineWork, type Work, type WorkCase } from "./work.ts";

interface FanOutParameters {
  readonly subscribers: number;
  readonly connections: number;
  readonly messagesPerWrite: number;
  readonly writesInFlight: number;
}

// More on their way would only measure how much the servers buffer.
const mostDeliveriesInFlight = 100_000;
const mostSharedConnections = 10;
const inFlightByMessagesPerWrite: Record<number, number> = { 1: 20, 10: 5, 100: 4 };

/** One publisher, many subscribers, as fast as they receive. */
export const fanOut: Work = defineWork<FanOutParameters>({
  name: "fan-out",
  title: "Fan-out: one publisher, every subscriber receives every message",
  operation: "delivery",
  metrics: [{ key: "deliveriesPerSecond", title: "deliveries/s", better: "higher" }],
  cases: [
    shared(1, 1),
    shared(10, 1),
    shared(100, 1, true),
    shared(1_000, 1),
    shared(10_000, 1),
    shared(100, 1, false, 1),
    shared(1, 10),
    shared(10, 10),
    shared(100, 10, true),
    shared(1_000, 10),
    shared(10_000, 10),
    shared(1, 100),
    shared(100, 100),
    shared(1_000, 100),
    own(100, 1),
    own(1_000, 1, true),
    own(100, 10),
    own(1_000, 10),
  ],
  needs: () => ({ protocol: "grpc", history: false }),

  async measure(target, parameters, { warmupMs, durationMs }) {
    const { subscribers, connections, messagesPerWrite, writesInFlight } = parameters;
    const publishing = await connect(target);
    let loop: PublishingLoop | undefined;
    const subscriptions = await openSubscriptions(target, {
      subscribers,
      connections,
      onDeliveries: (count) => loop?.deliver(count),
    });
    const publisher = openPublisher(publishing, target);
    const bytes = chatMessages(messagesPerWrite);
    const isServerBusy = createBusyCheck(target.pid);
    const run = (timeMs: number) => {
      loop = publishWindowed({
        subscribers,
        messagesPerWrite,
        writesInFlight,
        durationMs: timeMs,
        write: () => publisher.write(bytes),
        isServerBusy,
      });
      return loop.done;
    };
    try {
      await run(warmupMs);
      const usage = await openUsageWindow(target);
      const { sent, delivered, elapsedMs } = await run(durationMs);
      const elapsedSeconds = elapsedMs / 1_000;
      const used = await usage.close(delivered, elapsedSeconds);
      await publisher.end();
      if (subscriptions.endedCount > 0) {
        throw new Error(`the server ended ${subscriptions.endedCount} subscriptions`);
      }
      const missing = sent * subscribers - delivered;
      return {
        ...used,
        values: { deliveriesPerSecond: delivered / elapsedSeconds },
        count: delivered,
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

function shared(
  subscribers: number,
  messagesPerWrite: number,
  isQuick = false,
  writesInFlight?: number,
): WorkCase<FanOutParameters> {
  const connections = Math.min(mostSharedConnections, subscribers);
  return fanOutCase(subscribers, connections, messagesPerWrite, isQuick, writesInFlight);
}

function own(
  subscribers: number,
  messagesPerWrite: number,
  isQuick = false,
): WorkCase<FanOutParameters> {
  return fanOutCase(subscribers, subscribers, messagesPerWrite, isQuick);
}

function fanOutCase(
  subscribers: number,
  connections: number,
  messagesPerWrite: number,
  isQuick: boolean,
  wantedInFlight: number = inFlightByMessagesPerWrite[messagesPerWrite] ?? 1,
): WorkCase<FanOutParameters> {
  const allowed = Math.floor(mostDeliveriesInFlight / (subscribers * messagesPerWrite));
  const writesInFlight = Math.max(1, Math.min(wantedInFlight, allowed));
  const each = messagesPerWrite === 1 ? "one message" : `${messagesPerWrite} messages`;
  return {
    name:
      `${subscribers.toLocaleString("en")} on ${connections.toLocaleString("en")} ` +
      `connection${connections === 1 ? "" : "s"}, ${each} a write, ${writesInFlight} in flight`,
    isQuick,
    parameters: { subscribers, connections, messagesPerWrite, writesInFlight },
  };
}
