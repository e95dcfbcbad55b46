import type {
  Http2ServerRequest,
  Http2ServerResponse,
  IncomingHttpHeaders,
  Http2Server as NodeHttp2Server,
  ServerHttp2Stream,
} from "node:http2";
import { createServer as createNetServer, Server as NetServer, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls";
import { maxTimerMs } from "../calls/clamp-timeout.ts";
import { checkAuthority } from "./check-authority.ts";
import { createHttp1Server, type Http1Server } from "./http1-server.ts";
import { createHttp2Server, type Http2Server } from "./http2-server.ts";
import { peekPreface, type WireProtocol } from "./peek-preface.ts";

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
  /**
   * How large the headers of a request may be, names and values together. A larger HTTP/1
   * request is answered with 431, a larger HTTP/2 stream is reset with ENHANCE_YOUR_CALM,
   * and so is one with more than 128 headers. Default 16_384.
   */
  readonly maxHeaderBytes?: number;
  /**
   * How many connections may be open that have not sent anything which tells their
   * protocol, TLS handshakes in progress not counted. Beyond it the one that has waited
   * longest is closed. Default 2000: with `firstByteTimeoutMs`, a bound on what clients
   * can take up that never say anything.
   */
  readonly maxSilentConnections?: number;
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
   * Asked for every HTTP/2 stream before Fastify gets it. True when it serves the
   * stream itself, as the lean path does.
   */
  readonly serveStream?: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean;
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
  readonly serverFactory: (handler: RequestHandler) => NodeHttp2Server;
  /** Open connections, those included that have not sent anything yet. */
  readonly connectionCount: number;
  /** Open HTTP/2 sessions. */
  readonly sessionCount: number;
  /**
   * Aborts when the listener begins to close: what has taken over connections, as
   * WebSockets do, ends them then. Those that stay open are waited for, and destroyed in
   * the end, like calls.
   */
  readonly closing: AbortSignal;
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
  const { firstByteTimeoutMs = 60_000, maxSilentConnections = 2000 } = options;
  const { closeTimeoutMs = 10_000, onError = () => {} } = options;
  const sockets = new Set<Socket>();
  // Those of the sockets that have not told their protocol yet.
  const undecided = new Set<Socket>();
  let server: NetServer | undefined;
  let http1: Http1Server | undefined;
  let http2: Http2Server | undefined;
  const closing = new AbortController();
  let closed: Promise<void> | undefined;

  function serverFactory(fastifyHandler: RequestHandler): NodeHttp2Server {
    if (server !== undefined) {
      throw new Error("a listener belongs to one Fastify instance: create another listener");
    }
    const handler = checkAuthority(fastifyHandler);
    const front = createFrontServer(options, firstByteTimeoutMs);
    const http1Server = createHttp1Server(options, front, handler);
    const http2Server = createHttp2Server(options, handler);
    // Both kinds of server emit this for the TCP connection, TLS before its handshake.
    front.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      socket.on("error", ignoreError);
    });
    front.on(options.tls ? "secureConnection" : "connection", (socket: Socket | TLSSocket) => {
      socket.on("error", ignoreError);
      if (closed !== undefined) {
        // A TLS handshake that went on while the listener closed.
        socket.destroy();
        return;
      }
      // An HTTP/1 client may end its side after the request and still expects an answer.
      socket.allowHalfOpen = true;
      undecided.add(socket);
      if (undecided.size > maxSilentConnections) {
        // A set keeps the order of addition.
        undecided.values().next().value?.destroy();
      }
      socket.once("close", () => undecided.delete(socket));
      peekPreface(socket, firstByteTimeoutMs, (announced) => {
        undecided.delete(socket);
        const protocol = "alpnProtocol" in socket ? fromAlpn(socket.alpnProtocol) : announced;
        const chosen = protocol === "http/2" ? http2Server : http1Server;
        chosen.serve(socket);
      });
    });
    front.on("tlsClientError", onError);
    // Until then an error is the listening error that `listen()` must see.
    front.once("listening", () => front.on("error", onError));

    server = front;
    http1 = http1Server;
    http2 = http2Server;
    // What Fastify calls when it closes. Its types know HTTP servers only.
    return Object.assign(front, {
      close: (callback?: (error?: Error) => void) => {
        close().then(() => callback?.());
        return front;
      },
      closeIdleConnections: () => http1Server.closeIdle(),
      closeAllConnections: destroyConnections,
      closeHttp2Sessions: () => http2Server.close(),
    }) as unknown as NodeHttp2Server;
  }

  function destroyConnections() {
    for (const socket of sockets) {
      socket.destroy();
    }
  }

  function close({ timeoutMs = closeTimeoutMs }: { readonly timeoutMs?: number } = {}) {
    closed ??= closeGracefully();
    const timer = setTimeout(destroyConnections, Math.min(timeoutMs, maxTimerMs));
    return closed.finally(() => clearTimeout(timer));
  }

  async function closeGracefully() {
    closing.abort();
    if (server === undefined) {
      return;
    }
    // Called back with an error when the server does not listen: nothing to wait for then.
    const stopped = Promise.withResolvers<void>();
    NetServer.prototype.close.call(server, () => stopped.resolve());
    for (const socket of undecided) {
      socket.destroy();
    }
    http1?.close();
    http2?.close();
    await stopped.promise;
    // The server counts a connection as gone a little before its socket has closed.
    await Promise.all(Array.from(sockets, closeOf));
    http1?.dispose();
  }

  return {
    serverFactory,
    close,
    closing: closing.signal,
    get connectionCount() {
      return sockets.size;
    },
    get sessionCount() {
      return http2?.sessionCount ?? 0;
    },
  };
}

function createFrontServer(options: ListenerOptions, firstByteTimeoutMs: number): NetServer {
  const socketOptions = {
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
