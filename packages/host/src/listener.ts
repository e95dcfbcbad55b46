import { createServer as createHttp1Server, type Server as Http1Server } from "node:http";
import {
  createServer as createHttp2Server,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer as createNetServer, Server as NetServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls";
import { peekPreface, type WireProtocol } from "./peek-preface.ts";
import { createSessionKeepAlive } from "./session-keep-alive.ts";

/** Options for {@link createListener}. */
export interface ListenerOptions {
  /**
   * Serves TLS with these options of `node:tls`: at least `key` and `cert`, as
   * their contents. Clients choose HTTP/2 or HTTP/1.1 by ALPN. Without it the
   * listener serves both in cleartext.
   */
  readonly tls?: Omit<TlsOptions, "ALPNProtocols" | "ALPNCallback">;
  /**
   * How long a new connection may stay silent, and a TLS handshake may take,
   * before the connection is closed. Default 60_000; 0 for no limit.
   */
  readonly firstByteTimeoutMs?: number;
  /**
   * How long the headers of an HTTP/1 request may take to arrive before it is
   * answered with 408. Default 60_000. Bodies have no limit: they may be streams.
   */
  readonly headersTimeoutMs?: number;
  /**
   * How long an idle HTTP/1 connection is kept for another request. Default
   * 72_000: longer than the 60 seconds of the common load balancers, so that it
   * is never the server that closes a connection which they are about to use.
   */
  readonly keepAliveTimeoutMs?: number;
  /** How many calls one HTTP/2 session may have open at a time. Default 1000. */
  readonly maxConcurrentStreams?: number;
  /**
   * How much a client may send on one HTTP/2 stream before the handler has read
   * it. Default 262_144. A stream's upload is limited to this much per round
   * trip, and memory per session to this much times the streams that are not read.
   */
  readonly streamWindowBytes?: number;
  /**
   * How much a client may send on one HTTP/2 session, all streams together,
   * within a round trip. Default 4_194_304.
   */
  readonly sessionWindowBytes?: number;
  /**
   * A bound, not an allocation: new streams of an HTTP/2 session that holds more
   * than this are refused with ENHANCE_YOUR_CALM. Default 1_000_000_000, which
   * lets the default number of streams each hold a megabyte that its client has
   * not taken yet. Node counts it in whole megabytes.
   */
  readonly maxSessionMemoryBytes?: number;
  /**
   * How long an HTTP/2 session may be silent before it is sent a PING. Default
   * 30_000; 0 turns pings off. A session is never closed for being quiet as long
   * as it answers.
   */
  readonly pingIntervalMs?: number;
  /** How long a PING may stay unanswered before the session is destroyed. Default 10_000. */
  readonly pingTimeoutMs?: number;
  /**
   * How long closing waits for calls to end before it destroys their connections:
   * the default of {@link Listener.close}, and what Fastify's own `close()` gets.
   * Default 10_000.
   */
  readonly closeTimeoutMs?: number;
  /**
   * Told of errors that reach nobody else: a connection that could not be
   * accepted, a TLS handshake or an HTTP/2 session that failed. The server goes on
   * either way. Ignored by default: most of them are clients that went away.
   */
  readonly onError?: (error: Error) => void;
}

/** One port for HTTP/1.1 and HTTP/2. */
export interface Listener {
  /**
   * For Fastify's option of this name, together with `http2: true`:
   * `fastify({ http2: true, serverFactory: listener.serverFactory })`. Throws when
   * called a second time: a listener belongs to one Fastify instance.
   */
  readonly serverFactory: (handler: RequestHandler) => Http2Server;
  /** Open connections, those included that have not sent anything yet. */
  readonly connectionCount: number;
  /** Open HTTP/2 sessions. */
  readonly sessionCount: number;
  /**
   * Stops accepting, sends GOAWAY on HTTP/2 sessions, closes idle HTTP/1
   * connections, and resolves when the calls in flight have ended and all
   * connections are gone. What is left after `timeoutMs` is destroyed. Never
   * rejects, and can be called again, with a shorter time for example. Fastify's
   * `close()` does the same with `closeTimeoutMs`.
   */
  close(options?: { readonly timeoutMs?: number }): Promise<void>;
}

/** What Fastify hands to a server factory. HTTP/1 messages have the same shape. */
export type RequestHandler = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

/**
 * Creates a listener: gRPC, gRPC-Web and Connect on one port, without a proxy.
 *
 * In cleartext the first bytes of a connection tell HTTP/2 from HTTP/1; with TLS
 * the handshake does. Node's own protections stay as they are, among them
 * nghttp2's limit on bursts of resets ("rapid reset"). A listening error such as
 * EADDRINUSE rejects Fastify's `listen()`; no error of a connection ends the
 * process.
 */
export function createListener(options: ListenerOptions = {}): Listener {
  const {
    firstByteTimeoutMs = 60_000,
    closeTimeoutMs = 10_000,
    onError = () => {},
    pingIntervalMs = 30_000,
    pingTimeoutMs = 10_000,
  } = options;
  const sockets = new Set<Socket>();
  const peeking = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  // HTTP/1 connections, with the number of requests that are being answered.
  const http1Sockets = new Map<Socket, number>();
  const keepAlive = createSessionKeepAlive({ pingIntervalMs, pingTimeoutMs });
  let server: NetServer | undefined;
  let http1: Http1Server | undefined;
  let closed: Promise<void> | undefined;

  function serverFactory(handler: RequestHandler): Http2Server {
    if (server !== undefined) {
      throw new Error("a listener belongs to one Fastify instance: create another listener");
    }
    const front = createFrontServer(options, firstByteTimeoutMs);
    const http1Server = createHttp1(options, front, http1Sockets, () => closed !== undefined);
    const http2Server = createHttp2(options);
    http1Server.on("request", handler as never);
    http2Server.on("request", handler);
    http2Server.on("session", (session) => {
      sessions.add(session);
      session.once("close", () => sessions.delete(session));
      keepAlive.watch(session);
    });
    http2Server.on("sessionError", onError);

    const serve = (socket: Socket, protocol: WireProtocol) => {
      peeking.delete(socket);
      if (protocol === "http/2") {
        // Else a session whose client closed its side would stay.
        socket.allowHalfOpen = false;
        http2Server.emit("connection", socket);
      } else {
        http1Sockets.set(socket, 0);
        socket.once("close", () => http1Sockets.delete(socket));
        http1Server.emit("connection", socket);
      }
    };
    // Both kinds of server emit this for the TCP connection, TLS before its handshake.
    front.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      socket.on("error", ignoreError);
    });
    front.on(options.tls ? "secureConnection" : "connection", (socket: Socket | TLSSocket) => {
      socket.on("error", ignoreError);
      peeking.add(socket);
      socket.once("close", () => peeking.delete(socket));
      peekPreface(socket, firstByteTimeoutMs, (announced) => {
        const negotiated = "alpnProtocol" in socket ? fromAlpn(socket.alpnProtocol) : announced;
        serve(socket, negotiated);
      });
    });
    front.on("tlsClientError", onError);
    // For WebSocket libraries, which take over connections of the server they are given.
    front.on("newListener", (event) => {
      if (event === "upgrade" && http1Server.listenerCount("upgrade") === 0) {
        http1Server.on("upgrade", (request, socket, head) => {
          http1Sockets.delete(socket as Socket);
          front.emit("upgrade", request, socket, head);
        });
      }
    });
    // Until then an error is the listening error that `listen()` must see.
    front.once("listening", () => front.on("error", onError));

    server = front;
    http1 = http1Server;
    // What Fastify calls when it closes. Its types know HTTP servers only.
    return Object.assign(front, {
      close: (callback?: (error?: Error) => void) => {
        close().then(() => callback?.());
        return front;
      },
      closeIdleConnections,
      closeAllConnections: destroyConnections,
      closeHttp2Sessions: closeSessions,
    }) as unknown as Http2Server;
  }

  function closeIdleConnections() {
    // Not that of node:http: it cuts a response off whose last bytes are on their way.
    for (const [socket, requestCount] of http1Sockets) {
      if (requestCount === 0) {
        socket.destroySoon();
      }
    }
    for (const socket of peeking) {
      socket.destroy();
    }
  }

  function closeSessions() {
    for (const session of sessions) {
      session.close();
    }
  }

  function destroyConnections() {
    for (const socket of sockets) {
      socket.destroy();
    }
  }

  function close({ timeoutMs = closeTimeoutMs }: { readonly timeoutMs?: number } = {}) {
    closed ??= stopAccepting();
    closeIdleConnections();
    closeSessions();
    const timer = setTimeout(destroyConnections, timeoutMs);
    return closed.finally(() => clearTimeout(timer));
  }

  async function stopAccepting() {
    if (server !== undefined) {
      // Called back with an error when the server does not listen: nothing to wait for then.
      const stopped = Promise.withResolvers<void>();
      NetServer.prototype.close.call(server, () => stopped.resolve());
      await stopped.promise;
      // The server counts a connection as gone a little before its socket has closed.
      await Promise.all(Array.from(sockets, closeOf));
      http1?.close();
    }
  }

  return {
    serverFactory,
    close,
    get connectionCount() {
      return sockets.size;
    },
    get sessionCount() {
      return sessions.size;
    },
  };
}

function createFrontServer(options: ListenerOptions, firstByteTimeoutMs: number): NetServer {
  const socketOptions = {
    // An HTTP/1 client may end its side after the request and still expects an answer.
    allowHalfOpen: true,
    noDelay: true,
    // HTTP/1 has no PING: the system finds the clients that are gone.
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
  };
  if (options.tls === undefined) {
    return createNetServer(socketOptions);
  }
  return createTlsServer({
    handshakeTimeout: firstByteTimeoutMs || 2 ** 31 - 1,
    ...options.tls,
    ...socketOptions,
    ALPNProtocols: ["h2", "http/1.1"],
  });
}

function createHttp1(
  options: ListenerOptions,
  front: NetServer,
  sockets: Map<Socket, number>,
  isClosing: () => boolean,
): Http1Server {
  const { headersTimeoutMs = 60_000, keepAliveTimeoutMs = 72_000 } = options;
  const server: Http1Server = createHttp1Server({
    headersTimeout: headersTimeoutMs,
    requestTimeout: 0,
    keepAliveTimeout: keepAliveTimeoutMs,
    connectionsCheckingInterval: Math.max(1, Math.min(30_000, headersTimeoutMs / 2)),
    // Clients offer h2c in this header as well, and expect a plain answer when it is not taken.
    shouldUpgradeCallback: ({ headers }) =>
      server.listenerCount("upgrade") > 0 && headers.upgrade?.toLowerCase() === "websocket",
  });
  // Starts the timer behind headersTimeout: this server never listens itself.
  server.emit("listening");
  server.on("request", (request, response) => {
    const { socket } = request;
    sockets.set(socket, (sockets.get(socket) ?? 0) + 1);
    if (isClosing()) {
      response.shouldKeepAlive = false;
    }
    response.once("close", () => {
      const requestCount = (sockets.get(socket) ?? 1) - 1;
      sockets.set(socket, requestCount);
      if (isClosing() && requestCount === 0) {
        socket.destroySoon();
      }
    });
  });
  server.on("clientError", (error, socket) => {
    // Fastify answers it, by its option clientErrorHandler.
    if (!front.emit("clientError", error, socket)) {
      socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    }
  });
  return server;
}

function createHttp2(options: ListenerOptions): Http2Server {
  const {
    maxConcurrentStreams = 1000,
    streamWindowBytes = 262_144,
    sessionWindowBytes = 4_194_304,
    maxSessionMemoryBytes = 1_000_000_000,
  } = options;
  const server = createHttp2Server({
    settings: { maxConcurrentStreams, initialWindowSize: streamWindowBytes },
    maxSessionMemory: Math.ceil(maxSessionMemoryBytes / 1_000_000),
  });
  server.on("session", (session) => session.setLocalWindowSize(sessionWindowBytes));
  server.on("stream", (stream) => stream.once("finish", endUpload));
  return server;
}

/**
 * An answer that is complete ends the call: a client that still sends is told to stop
 * (https://www.rfc-editor.org/rfc/rfc9113#section-8.1). Node does so only for a request
 * that nobody began to read; any other would stay open, and its session with it.
 */
function endUpload(this: ServerHttp2Stream): void {
  if (!this.readableEnded) {
    setImmediate(() => resetWhenAnswered(this));
  }
}

function resetWhenAnswered(stream: ServerHttp2Stream): void {
  if (stream.destroyed) {
    return;
  }
  if (stream.state.localClose) {
    stream.close();
  } else {
    // The end of the answer, its trailers for example, waits for the connection. No event
    // tells when it was sent, and a reset sent before it would take it away.
    setTimeout(() => resetWhenAnswered(stream), 50).unref();
  }
}

function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once("close", () => resolve());
  });
}

function fromAlpn(protocol: string | false | null): WireProtocol {
  return protocol === "h2" ? "http/2" : "http/1";
}

// A connection that breaks ends its calls: who waits for them is told there.
function ignoreError() {}
