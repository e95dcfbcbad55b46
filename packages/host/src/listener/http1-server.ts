import { createServer } from "node:http";
import type { Server as NetServer, Socket } from "node:net";
import { closeWhenStuck } from "./close-when-stuck.ts";
import { discardUnread } from "./discard-unread.ts";
import type { ListenerOptions, RequestHandler } from "./listener.ts";
import { PipelinedRequests } from "./pipelined-requests.ts";

/** The HTTP/1 half of a listener: serves connections that something else accepts. */
export interface Http1Server {
  serve(socket: Socket): void;
  /** Closes the connections on which no request is being answered. */
  closeIdle(): void;
  /** From now on a connection is closed as soon as it is idle. */
  close(): void;
  /** Ends what remains of the server when all connections are gone. */
  dispose(): void;
}

/** How long a client may go on with the body of a request that has been answered. */
const unreadTimeoutMs = 10_000;

/**
 * Creates the HTTP/1 half. What users attach to `front`, the server that they know,
 * is told of "clientError" and "upgrade".
 */
export function createHttp1Server(
  options: ListenerOptions,
  front: NetServer,
  handler: RequestHandler,
): Http1Server {
  const {
    headersTimeoutMs = 60_000,
    keepAliveTimeoutMs = 72_000,
    maxHeaderBytes = 16_384,
    onError = () => {},
  } = options;
  // Node's closeIdleConnections() would cut a response off whose last bytes are on their way.
  const connections = new Map<Socket, PipelinedRequests>();
  let isClosing = false;

  const server = createServer({
    headersTimeout: headersTimeoutMs,
    maxHeaderSize: maxHeaderBytes,
    requestTimeout: 0,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.max(1, Math.min(30_000, headersTimeoutMs / 2)),
    // Clients offer h2c in this header as well, and expect a plain answer when it is not taken.
    shouldUpgradeCallback: ({ headers }) =>
      front.listenerCount("upgrade") > 0 && headers.upgrade?.toLowerCase() === "websocket",
  });
  // Starts the timer behind headersTimeout: this server never listens itself.
  server.emit("listening");

  server.on("request", (request, response) => {
    const { socket } = request;
    if (isClosing) {
      response.shouldKeepAlive = false;
    }
    // Their streams are given up by whoever read them when the client leaves.
    request.on("error", ignoreError);
    response.on("error", ignoreError);
    discardUnread(request, response, unreadTimeoutMs);
    // HTTP/1 messages have the shape that the handler expects of HTTP/2 messages.
    const serve = () => handler(request as never, response as never);
    connections.get(socket)?.add(response, serve);
  });

  server.on("clientError", (error, socket) => {
    // Fastify answers it, by its option clientErrorHandler.
    if (!front.emit("clientError", error, socket)) {
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    }
  });
  // Not before there is somebody to take it: Node would give every upgrade to a listener.
  front.on("newListener", (event) => {
    if (event === "upgrade" && server.listenerCount("upgrade") === 0) {
      server.on("upgrade", (request, socket, head) => {
        const isBehindOthers = (connections.get(socket as Socket)?.count ?? 0) > 0;
        connections.delete(socket as Socket);
        if (isBehindOthers) {
          // Node hands the connection over though answers are still to be written on it.
          socket.destroy();
          return;
        }
        front.emit("upgrade", request, socket, head);
      });
    }
  });

  function closeIdle() {
    for (const [socket, requests] of connections) {
      if (requests.count === 0) {
        socket.destroySoon();
      }
    }
  }

  return {
    serve(socket) {
      const onIdle = () => {
        if (isClosing) {
          socket.destroySoon();
        }
      };
      connections.set(socket, new PipelinedRequests(socket, { onIdle, onError }));
      socket.once("close", () => connections.delete(socket));
      closeWhenStuck(socket);
      server.emit("connection", socket);
    },
    closeIdle,
    close() {
      isClosing = true;
      closeIdle();
    },
    dispose: () => server.close(),
  };
}

// A request that breaks off has nobody else who would be told.
function ignoreError(): void {}
