import type { Socket } from "node:net";
import { setImmediate } from "node:timers/promises";
import { type EchoProcessRequest, type EchoProcessState, maxMessageBytes } from "./echo-process.ts";
import { type EchoServer, startEchoServer } from "./echo-server.ts";

const unhandled: string[] = [];
const connections = new Set<Socket>();
let onClosed = () => {};
let server: EchoServer;

process.on("uncaughtException", (error) => unhandled.push(String(error.stack)));
process.on("unhandledRejection", (reason) => unhandled.push(String(reason)));
// The test went away without saying so.
process.on("disconnect", () => process.exit(1));

process.on("message", async (request: EchoProcessRequest) => {
  if (request.kind === "start") {
    const { limits, tls } = request.options;
    server = await startEchoServer(
      { after: () => {} },
      {
        port: request.port,
        tls,
        limits: { readMaxBytes: maxMessageBytes, writeMaxBytes: maxMessageBytes, ...limits },
      },
    );
    server.app.server.on("connection", (socket: Socket) => {
      connections.add(socket);
      socket.once("close", () => {
        connections.delete(socket);
        onClosed();
      });
    });
    process.send?.(await stateAfterCollection());
    return;
  }
  await connectionsAtMost(request.connectionCount);
  process.send?.(await stateAfterCollection());
});

async function connectionsAtMost(limit: number): Promise<void> {
  while (connections.size > limit) {
    await new Promise<void>((resolve) => {
      onClosed = resolve;
    });
  }
}

async function stateAfterCollection(): Promise<EchoProcessState> {
  // What finalizers and closed handles let go of shows in the next round only.
  for (let round = 0; round < 4; round++) {
    await setImmediate();
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  return {
    usedBytes: heapUsed + external,
    peakResidentBytes: process.resourceUsage().maxRSS * 1024,
    connectionCount: server.listener.connectionCount,
    sessionCount: server.listener.sessionCount,
    unhandled,
  };
}
