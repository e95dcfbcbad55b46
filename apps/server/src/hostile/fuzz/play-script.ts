import { connect as connectTcp, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { answerHttp2 } from "./answer-http2.ts";
import type { AttackProtocol, Script, Step } from "./attacks/attack.ts";

/** Where a server listens. */
export interface Target {
  readonly port: number;
  readonly isTls: boolean;
}

/** How a connection of an attack went. */
export type Outcome =
  | "answered"
  | "closed by the server"
  | "reset by the server"
  | "no answer"
  | "refused";

/** How long one script may take in all. */
const scriptTimeoutMs = 40_000;

/** Does what a script says on a connection of its own, which is gone when this resolves. */
export async function playScript(
  target: Target,
  protocol: AttackProtocol,
  script: Script,
): Promise<Outcome> {
  const connection = await open(target, protocol);
  if (!connection) {
    return "refused";
  }
  const { socket, tcp } = connection;
  const received = { bytes: 0 };
  let isReset = false;
  let hasLeft = false;
  let isHalfClosed = false;
  socket.on("error", (error: NodeJS.ErrnoException) => {
    isReset ||= error.code === "ECONNRESET" || error.code === "EPIPE";
  });
  const answer = protocol === "http2" && script.isPolite ? answerHttp2(socket) : undefined;
  socket.on("data", (chunk: Buffer) => {
    received.bytes += chunk.length;
    answer?.(chunk);
  });
  const timer = setTimeout(() => socket.destroy(), scriptTimeoutMs);
  for (const step of script.steps) {
    if (socket.destroyed) {
      break;
    }
    hasLeft ||= step.kind === "leave";
    isHalfClosed ||= step.kind === "leave" && step.how === "half-close";
    await play(socket, tcp, step, received);
  }
  const closedByServer = !hasLeft && (socket.destroyed || socket.readableEnded);
  clearTimeout(timer);
  if (isHalfClosed && !tcp.destroyed) {
    // No other packet would tell the server: only the system finds that out, in half a minute.
    tcp.resetAndDestroy();
  }
  tcp.destroy();
  socket.destroy();
  if (closedByServer) {
    return isReset ? "reset by the server" : "closed by the server";
  }
  return received.bytes > 0 ? "answered" : "no answer";
}

async function play(
  socket: Socket,
  tcp: Socket,
  step: Step,
  received: { readonly bytes: number },
): Promise<void> {
  switch (step.kind) {
    case "send":
      await write(socket, step.bytes);
      return;
    case "flood":
      for (let count = 0; count < step.count && socket.writable; count++) {
        await write(socket, step.bytes);
      }
      return;
    case "wait":
      await Promise.race([delay(step.ms), eventOf(socket, "close")]);
      return;
    case "receive": {
      const enough = received.bytes + step.bytes;
      const signal = AbortSignal.timeout(step.timeoutMs);
      while (received.bytes < enough && !socket.destroyed && !signal.aborted) {
        await eventOf(socket, "data", signal);
      }
      return;
    }
    case "stop-reading":
      socket.pause();
      return;
    case "read-on":
      socket.resume();
      return;
    case "leave":
      if (step.how === "reset") {
        tcp.resetAndDestroy();
      } else if (step.how === "close") {
        socket.destroy();
      } else {
        socket.end();
        await Promise.race([delay(50), eventOf(socket, "close")]);
      }
  }
}

/** Writes, and waits a while for a server that does not read. */
async function write(socket: Socket, bytes: Buffer): Promise<void> {
  if (socket.writable && !socket.write(bytes)) {
    await eventOf(socket, "drain", AbortSignal.timeout(3_000));
  }
}

/** Resolves with the event, the end of the socket, or the signal: nothing here is an error. */
function eventOf(socket: Socket, event: string, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off(event, done).off("close", done).off("end", done);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    if (socket.destroyed || signal?.aborted) {
      resolve();
      return;
    }
    socket.on(event, done).on("close", done).on("end", done);
    signal?.addEventListener("abort", done);
  });
}

async function open({ port, isTls }: Target, protocol: AttackProtocol) {
  const tcp = connectTcp({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  tcp.setMaxListeners(50);
  const socket = isTls
    ? connectTls({
        socket: streamOver(tcp),
        rejectUnauthorized: false,
        ALPNProtocols: [protocol === "http2" ? "h2" : "http/1.1"],
      })
    : tcp;
  socket.setMaxListeners(50);
  const opened = await new Promise<boolean>((resolve) => {
    tcp.on("error", () => resolve(false));
    socket.on("error", () => resolve(false));
    socket.once("close", () => resolve(false));
    socket.once(isTls ? "secureConnect" : "connect", () => resolve(true));
    setTimeout(resolve, 10_000, false).unref();
  });
  if (!opened) {
    tcp.destroy();
    return undefined;
  }
  return { socket, tcp };
}

/**
 * A socket as a plain stream for TLS to lie on, which leaves it open. Node has
 * been seen to crash when a socket is reset right above whose handle TLS lies (26.10).
 */
function streamOver(tcp: Socket): Duplex {
  const stream = new Duplex({
    read: () => tcp.resume(),
    write: (chunk, _, callback) => tcp.write(chunk, callback),
    final: (callback) => tcp.end(callback),
  });
  tcp.on("data", (chunk) => {
    if (!stream.push(chunk)) {
      tcp.pause();
    }
  });
  tcp.on("end", () => stream.push(null)).on("close", () => stream.destroy());
  return stream;
}
