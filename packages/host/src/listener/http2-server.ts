import {
  constants,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { endUpload } from "./end-upload.ts";
import type { ListenerOptions, RequestHandler } from "./listener.ts";
import { createSessionKeepAlive } from "./session-keep-alive.ts";

/** The HTTP/2 half of a listener: serves connections that something else accepts. */
export interface Http2Server {
  serve(socket: Socket): void;
  /** Open sessions. */
  readonly sessionCount: number;
  /** Sends GOAWAY on each session, which closes when its last stream has ended. */
  close(): void;
}

/** How long a client may take to close a connection whose session has ended. */
const lingerMs = 1_000;

/** Creates the HTTP/2 half. */
export function createHttp2Server(options: ListenerOptions, handler: RequestHandler): Http2Server {
  const {
    maxConcurrentStreams = 1000,
    maxHeaderBytes = 16_384,
    streamWindowBytes = 262_144,
    sessionWindowBytes = 4_194_304,
    maxSessionMemoryBytes = 1_000_000_000,
    pingIntervalMs = 30_000,
    pingTimeoutMs = 10_000,
    onError = () => {},
  } = options;
  const sessions = new Set<ServerHttp2Session>();
  /** The socket whose session is being made: a session that has ended does not tell. */
  let accepting: Socket | undefined;
  const keepAlive = createSessionKeepAlive({ pingIntervalMs, pingTimeoutMs });

  const server = createServer({
    settings: {
      maxConcurrentStreams,
      initialWindowSize: streamWindowBytes,
      maxHeaderListSize: maxHeaderBytes,
    },
    maxSessionMemory: Math.ceil(maxSessionMemoryBytes / 1_000_000),
  });
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.setLocalWindowSize(sessionWindowBytes);
    keepAlive.watch(session, accepting as Socket);
  });
  server.on("sessionError", onError);
  server.on("request", handler);
  // With the first "request" listener, Node has put its compatibility layer here.
  const [serveAsRequest] = server.listeners("stream");
  server.removeAllListeners("stream");
  server.on("stream", (stream: ServerHttp2Stream, headers, ...rest) => {
    // Node holds a client to this limit from when it has acknowledged it.
    if (stream.session?.pendingSettingsAck && headerListBytes(headers) > maxHeaderBytes) {
      stream.on("error", ignoreError);
      stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      return;
    }
    // Its client may have reset it in the same segment: then to use it throws.
    if (stream.destroyed || stream.closed) {
      stream.on("error", ignoreError);
      stream.destroy();
      return;
    }
    try {
      if (!options.serveStream?.(stream, headers)) {
        stream.once("finish", endUpload);
        serveAsRequest?.call(server, stream, headers, ...rest);
      }
    } catch (error) {
      stream.on("error", ignoreError);
      stream.destroy();
      onError(error as Error);
    }
  });

  return {
    serve(socket) {
      // Else a session whose client closed its side would stay.
      socket.allowHalfOpen = false;
      socket.once("finish", () => linger(socket));
      accepting = socket;
      server.emit("connection", socket);
      accepting = undefined;
    },
    get sessionCount() {
      return sessions.size;
    },
    close() {
      for (const session of sessions) {
        session.close();
      }
    },
  };
}

/**
 * A session that has ended waits for its client to close the connection too, which one
 * that does not read its last messages does not do.
 */
function linger(socket: Socket): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs);
  timer.unref();
  socket.once("close", () => clearTimeout(timer));
}

/** The size by https://www.rfc-editor.org/rfc/rfc9113#section-6.5.2. */
function headerListBytes(headers: IncomingHttpHeaders): number {
  return Object.entries(headers).reduce(
    (sum, [name, value]) => sum + name.length + String(value).length + 32,
    0,
  );
}

// A stream that was refused has nobody who would be told.
function ignoreError() {}
