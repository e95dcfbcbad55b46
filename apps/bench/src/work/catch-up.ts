import { connect, disconnect, type Target } from "../load/connection.ts";
import { openPublisher } from "../load/publisher.ts";
import { chatMessages } from "../load/requests.ts";
import { settle } from "../load/settle.ts";
import { openSubscriptions } from "../load/subscribers.ts";
import { openUsageWindow } from "../load/usage-window.ts";
import { defineWork, type Work, type WorkCase } from "./work.ts";

interface CatchUpParameters {
  readonly messages: number;
}

const messagesPerWrite = 100;

/** A subscriber that starts at the oldest message of a long room. */
export const catchUp: Work = defineWork<CatchUpParameters>({
  name: "catch-up",
  title: "Catch-up: one subscriber reads a room from its oldest message",
  operation: "message",
  metrics: [{ key: "messagesPerSecond", title: "messages/s", better: "higher" }],
  cases: [catchUpCase(10_000, true), catchUpCase(100_000, true), catchUpCase(1_000_000)],
  needs: () => ({ protocol: "grpc", history: true }),

  async measure(target, { messages }) {
    await fillRoom(target, messages);
    let received = 0;
    let lastMs = 0;
    const usage = await openUsageWindow(target);
    const startMs = performance.now();
    const subscriptions = await openSubscriptions(target, {
      subscribers: 1,
      connections: 1,
      fromOldest: true,
      onDeliveries: (count) => {
        received += count;
        lastMs = performance.now();
      },
    });
    try {
      await settle(target.pid, messages, () => received);
    } finally {
      subscriptions.close();
    }
    const elapsedSeconds = (lastMs - startMs) / 1_000;
    return {
      ...(await usage.close(received, elapsedSeconds)),
      values: { messagesPerSecond: received / elapsedSeconds },
      count: received,
      elapsedSeconds,
      lost: Math.max(0, messages - received),
      repeated: Math.max(0, received - messages),
      generator: "node",
    };
  },
});

async function fillRoom(target: Target, messages: number): Promise<void> {
  const session = await connect(target);
  try {
    const publisher = openPublisher(session, target);
    const bytes = chatMessages(messagesPerWrite);
    for (let sent = 0; sent < messages; sent += messagesPerWrite) {
      publisher.write(bytes);
      await publisher.flushed();
    }
    const acknowledged = await publisher.end();
    if (acknowledged !== messages) {
      throw new Error(`${acknowledged} of ${messages} messages were acknowledged`);
    }
  } finally {
    disconnect([session]);
  }
}

function catchUpCase(messages: number, isQuick = false): WorkCase<CatchUpParameters> {
  return { name: `${messages.toLocaleString("en")} messages`, isQuick, parameters: { messages } };
}
