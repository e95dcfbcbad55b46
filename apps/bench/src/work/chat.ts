import type { ClientHttp2Session } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import { openChatStream } from "../load/chat-stream.ts";
import { connectAll, disconnect } from "../load/connection.ts";
import { Histogram } from "../load/histogram.ts";
import { chatMessage } from "../load/requests.ts";
import { openUsageWindow } from "../load/usage-window.ts";
import { defineWork, type Work, type WorkCase } from "./work.ts";

interface ChatParameters {
  readonly streams: number;
  readonly inFlight: number;
}

const mostConnections = 8;
// Servers say that they are alive after 5 s, which a count would take for an echo.
const longestMs = 4_500;

/** Chat messages and their echoes. */
export const chat: Work = defineWork<ChatParameters>({
  name: "chat",
  title: "Chat: a message and its echo, on streams that stay open",
  operation: "round trip",
  metrics: [
    { key: "roundTripsPerSecond", title: "round trips/s", better: "higher" },
    { key: "p50Ms", title: "p50 ms", better: "lower" },
    { key: "p99Ms", title: "p99 ms", better: "lower" },
  ],
  cases: [chatCase(1, 1), chatCase(8, 1), chatCase(8, 16), chatCase(128, 1)],
  needs: () => ({ protocol: "grpc", history: false }),

  async measure(target, { streams, inFlight }, timing) {
    const sessions = await connectAll(target, Math.min(mostConnections, streams));
    const message = chatMessage();
    let histogram = new Histogram();
    try {
      const chats = Array.from({ length: streams }, (_, index) =>
        openChatStream(sessions[index % sessions.length] as ClientHttp2Session, target, {
          message,
          inFlight,
          onEcho: (durationMs) => histogram.record(durationMs),
        }),
      );
      for (const stream of chats) {
        stream.start();
      }
      const warmupMs = Math.min(timing.warmupMs, longestMs / 4);
      await delay(warmupMs);
      histogram = new Histogram();
      const startMs = performance.now();
      const usage = await openUsageWindow(target);
      await delay(Math.min(timing.durationMs, longestMs - warmupMs));
      const { count } = histogram;
      const elapsedSeconds = (performance.now() - startMs) / 1_000;
      const used = await usage.close(count, elapsedSeconds);
      await Promise.all(chats.map((stream) => stream.stop()));
      return {
        ...used,
        values: {
          roundTripsPerSecond: count / elapsedSeconds,
          p50Ms: histogram.quantileMs(0.5),
          p99Ms: histogram.quantileMs(0.99),
        },
        count,
        elapsedSeconds,
        lost: 0,
        repeated: 0,
        generator: "node",
      };
    } finally {
      disconnect(sessions);
    }
  },
});

function chatCase(streams: number, inFlight: number): WorkCase<ChatParameters> {
  return {
    name: `${streams} stream${streams === 1 ? "" : "s"} x ${inFlight} in flight`,
    isQuick: inFlight > 1,
    parameters: { streams, inFlight },
  };
}
