import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { WebSocket } from "ws";
import type { PeerKeepAlive } from "../listener/peer-keep-alive.ts";
import type { CallDispatcher } from "./tunnel-calls.ts";
import { decodeRequest, FrameError, type RequestHeaders } from "./tunnel-frames.ts";
import { TunnelStream } from "./tunnel-stream.ts";

/** What the sockets of a tunnel share. */
export interface TunnelSocketOptions {
  /** Those that are open. */
  readonly sockets: Set<WebSocket>;
  /** Those of them whose request has not arrived. */
  readonly waiting: Set<WebSocket>;
  readonly keepAlive: PeerKeepAlive;
  readonly firstFrameTimeoutMs: number;
  readonly maxHeaderBytes: number;
  readonly serveCall: CallDispatcher;
  readonly onError: (error: unknown) => void;
}

/** https://www.iana.org/assignments/websocket/websocket.xhtml#close-code-number */
const timeoutCode = 3008;

/**
 * Serves the one call of a socket: waits for its request, hands the frames that follow to
 * the call's stream, and closes the socket of a client that breaks a rule, with the reason.
 * The stream is destroyed when the socket closes, so the call is cancelled if it has not
 * ended.
 */
export function serveTunnelSocket(
  webSocket: WebSocket,
  request: IncomingMessage,
  socket: Socket,
  options: TunnelSocketOptions,
): void {
  const { sockets, waiting, keepAlive, firstFrameTimeoutMs, maxHeaderBytes } = options;
  let stream: TunnelStream | undefined;
  sockets.add(webSocket);
  waiting.add(webSocket);
  const timer = setTimeout(
    () => webSocket.close(timeoutCode, `no request within ${firstFrameTimeoutMs} ms`),
    firstFrameTimeoutMs,
  );
  const unwatch = keepAlive.watch({
    bytesRead: () => socket.bytesRead,
    ping: () => {
      webSocket.ping();
      return true;
    },
    giveUp: () => webSocket.terminate(),
  });

  function stopWaiting() {
    clearTimeout(timer);
    waiting.delete(webSocket);
  }

  function fail(error: unknown) {
    if (error instanceof FrameError) {
      webSocket.close(error.closeCode, error.message);
    } else {
      webSocket.close(1011, "internal error");
      options.onError(error);
    }
    stream?.destroy();
  }

  webSocket.on("message", (data, isBinary) => {
    // One that was closed still hands out what arrives.
    if (webSocket.readyState !== webSocket.OPEN) {
      return;
    }
    try {
      if (stream) {
        stream.receive(data, isBinary);
        return;
      }
      stopWaiting();
      const frame = readRequest(data as Buffer, isBinary, maxHeaderBytes);
      stream = new TunnelStream(webSocket, socket);
      options.serveCall(stream, request, frame).catch(fail);
    } catch (error) {
      fail(error);
    }
  });
  // Of a frame that is none: `ws` has closed the socket by itself.
  webSocket.on("error", () => stream?.destroy());
  webSocket.once("close", () => {
    stopWaiting();
    unwatch();
    sockets.delete(webSocket);
    stream?.destroy();
  });
}

function readRequest(frame: Buffer, isBinary: boolean, maxHeaderBytes: number): RequestHeaders {
  if (isBinary) {
    throw new FrameError("a body without a request");
  }
  if (frame.length > maxHeaderBytes) {
    throw new FrameError(`headers of more than ${maxHeaderBytes} bytes`, 1009);
  }
  return decodeRequest(frame.toString());
}
