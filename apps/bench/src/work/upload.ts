import { connectAll, disconnect, type Target } from "../load/connection.ts";
import { openPublisher } from "../load/publisher.ts";
import { chatMessages } from "../load/requests.ts";
import { openUsageWindow } from "../load/usage-window.ts";
import { defineWork, type Work, type WorkCase } from "./work.ts";

interface UploadParameters {
  readonly streams: number;
}

// A hundred fit into one DATA frame.
const messagesPerWrite = 100;

/** UploadMessages, as fast as flow control lets a sender go, until all is acknowledged. */
export const upload: Work = defineWork<UploadParameters>({
  name: "upload",
  title: "Upload: UploadMessages, until every message is acknowledged",
  operation: "message",
  metrics: [{ key: "messagesPerSecond", title: "messages/s", better: "higher" }],
  cases: [uploadCase(1), uploadCase(4), uploadCase(16)],
  needs: () => ({ protocol: "grpc", history: false }),

  async measure(target, { streams }, { warmupMs, durationMs }) {
    await uploadFor(target, streams, warmupMs);
    const usage = await openUsageWindow(target);
    const { sent, acknowledged, elapsedMs } = await uploadFor(target, streams, durationMs);
    const elapsedSeconds = elapsedMs / 1_000;
    return {
      ...(await usage.close(acknowledged, elapsedSeconds)),
      values: { messagesPerSecond: acknowledged / elapsedSeconds },
      count: acknowledged,
      elapsedSeconds,
      lost: Math.max(0, sent - acknowledged),
      repeated: Math.max(0, acknowledged - sent),
      generator: "node",
    };
  },
});

async function uploadFor(target: Target, streams: number, durationMs: number) {
  const bytes = chatMessages(messagesPerWrite);
  const sessions = await connectAll(target, streams);
  const startMs = performance.now();
  try {
    const results = await Promise.all(
      sessions.map(async (session) => {
        const publisher = openPublisher(session, target);
        let sent = 0;
        do {
          publisher.write(bytes);
          sent += messagesPerWrite;
          await publisher.flushed();
        } while (performance.now() - startMs < durationMs);
        return { sent, acknowledged: await publisher.end() };
      }),
    );
    return {
      sent: results.reduce((sum, result) => sum + result.sent, 0),
      acknowledged: results.reduce((sum, result) => sum + result.acknowledged, 0),
      elapsedMs: performance.now() - startMs,
    };
  } finally {
    disconnect(sessions);
  }
}

function uploadCase(streams: number): WorkCase<UploadParameters> {
  return {
    name: streams === 1 ? "one stream" : `${streams} streams, each on its connection`,
    isQuick: streams === 1,
    parameters: { streams },
  };
}
