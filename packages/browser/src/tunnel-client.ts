import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalClientFn, UniversalClientResponse } from "@connectrpc/connect/protocol";
import { closeError } from "./close-error.ts";
import { createReceiveQueue } from "./receive-queue.ts";
import { createSendWindow, type SendWindow } from "./send-window.ts";
import {
  encodeGrant,
  encodeRequest,
  maxFrameBytes,
  parseControl,
  tunnelProtocol,
  windowBytes,
} from "./tunnel-frames.ts";
import { openWebSocket, type WebSocketFactory, type WebSocketLike } from "./websocket-like.ts";

/**
 * Creates what makes HTTP requests for one of Connect's protocols, each over a WebSocket of
 * its own. Rejects, and fails response bodies, with a ConnectError, or with the reason of
 * the request's signal.
 *
 * Both bodies are subject to credit: nothing is sent that the other side has not granted,
 * and nothing granted that is not taken from the response. So neither side has more than
 * 256 KiB to hold, in the socket's own buffers as well.
 */
export function createTunnelClient(open: WebSocketFactory = openWebSocket): UniversalClientFn {
  return ({ url, header, body, signal }) =>
    new Promise<UniversalClientResponse>((resolve, reject) => {
      signal?.throwIfAborted();
      const socketUrl = toSocketUrl(url);
      const socket = openOrUnavailable(open, socketUrl);
      socket.binaryType = "arraybuffer";
      const window = createSendWindow(windowBytes);
      const requestBody = body?.[Symbol.asyncIterator]();
      let isOpen = false;
      let isOver = false;
      let hasHeaders = false;
      let ungrantedBytes = 0;
      let unreadBytes = 0;
      const queue = createReceiveQueue(onTaken, () => finish());

      /** Lets go of the socket and of the request, whoever was the one to end the call. */
      function finish() {
        if (isOver) {
          return;
        }
        isOver = true;
        signal?.removeEventListener("abort", onAbort);
        window.close();
        // Not awaited: it returns only once what it awaits has settled.
        requestBody?.return?.()?.catch(() => {});
        socket.close();
      }

      function fail(reason: unknown) {
        queue.fail(reason);
        reject(reason);
        finish();
      }

      function onAbort() {
        queue.abort(signal?.reason);
        fail(signal?.reason);
      }

      function onTaken(bytes: number) {
        unreadBytes -= bytes;
        ungrantedBytes += bytes;
        if (ungrantedBytes >= windowBytes / 4 && !isOver) {
          socket.send(encodeGrant(ungrantedBytes));
          ungrantedBytes = 0;
        }
      }

      function onText(text: string) {
        const control = parseControl(text);
        if (control?.kind === "grant" && window.bytes + control.bytes <= windowBytes) {
          window.grant(control.bytes);
        } else if (control?.kind === "response" && !hasHeaders) {
          hasHeaders = true;
          const { status, header } = control;
          resolve({ status, header, body: queue.body, trailer: new Headers() });
        } else {
          fail(protocolError("the server sent a control frame that is not due"));
        }
      }

      function onBinary(chunk: Uint8Array) {
        unreadBytes += chunk.byteLength;
        if (!hasHeaders) {
          fail(protocolError("the server sent a body without headers"));
        } else if (unreadBytes > windowBytes - ungrantedBytes) {
          fail(protocolError("the server sent more than it was granted"));
        } else if (chunk.byteLength > 0) {
          queue.push(chunk);
        } else {
          queue.end();
          finish();
        }
      }

      signal?.addEventListener("abort", onAbort);
      socket.addEventListener("open", () => {
        isOpen = true;
        if (isOver) {
          return;
        }
        if (socket.protocol !== tunnelProtocol) {
          fail(new ConnectError(`${socketUrl} is no ${tunnelProtocol}`, Code.Unimplemented));
          return;
        }
        socket.send(encodeRequest(header));
        sendBody(socket, requestBody, window).catch(fail);
      });
      socket.addEventListener("message", ({ data }) => {
        if (isOver) {
          return;
        }
        if (typeof data === "string") {
          onText(data);
        } else {
          onBinary(new Uint8Array(data as ArrayBuffer));
        }
      });
      // What it has to tell, "close" tells as well.
      socket.addEventListener("error", () => {});
      socket.addEventListener("close", (reason) => fail(closeError(reason, socketUrl, isOpen)));
    });
}

function openOrUnavailable(open: WebSocketFactory, url: string): WebSocketLike {
  try {
    return open(url, tunnelProtocol);
  } catch (error) {
    // A page's own policies may forbid it.
    const message = `no WebSocket to ${url}: ${(error as Error).message}`;
    throw new ConnectError(message, Code.Unavailable, undefined, undefined, error);
  }
}

async function sendBody(
  socket: WebSocketLike,
  body: AsyncIterator<Uint8Array> | undefined,
  window: SendWindow,
): Promise<void> {
  for (;;) {
    const result = await body?.next();
    if (result === undefined || result.done) {
      break;
    }
    for (let chunk = result.value; chunk.byteLength > 0; ) {
      const bytes = await window.take(Math.min(chunk.byteLength, maxFrameBytes));
      if (bytes === 0) {
        return;
      }
      socket.send(chunk.subarray(0, bytes) as Uint8Array<ArrayBuffer>);
      chunk = chunk.subarray(bytes);
    }
  }
  if (!window.isClosed) {
    socket.send(new Uint8Array(0));
  }
}

function toSocketUrl(url: string): string {
  return url.replace(/^http/i, "ws");
}

function protocolError(what: string): ConnectError {
  return new ConnectError(`protocol error: ${what}`, Code.Internal);
}
