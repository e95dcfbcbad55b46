import type { IncomingMessage } from "node:http";
import type { Http2Session, Http2Stream } from "node:http2";

/** The methods of Fastify's logger, which is pino's, that calls are logged with. */
export interface CallLogger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The logger of an application: Fastify's `app.log`. */
export interface HostLogger extends CallLogger {
  isLevelEnabled?(level: string): boolean;
  child(bindings: { readonly reqId: string }): CallLogger;
}

/** What is known of the HTTP request that a call came in. */
export interface CallRequest {
  /** Fastify's request id, or "call-1" and "tunnel-1" and so on for what Fastify does not see. */
  readonly id: string;
  /** The request's own logger, which adds the id to what it logs. */
  readonly log: CallLogger;
  /** Who sent it: "127.0.0.1:51234" or "[::1]:51234". */
  readonly peer: string;
  /** "1.0", "1.1" or "2.0". */
  readonly httpVersion: string;
  /** The connection that it came on: an HTTP/2 session, or a socket. */
  readonly connection: object;
  /** Calls back once when its response is on its way, or its caller gone; at once if it is. */
  onClosed(callback: () => void): void;
}

/** The part of Fastify's request that {@link fromFastifyRequest} reads. */
export interface HostedRequest {
  readonly id: string;
  readonly log: CallLogger;
  readonly socket: PeerAddress;
  readonly raw: {
    readonly httpVersion: string;
    readonly socket: object;
    readonly stream?: { readonly session?: object | undefined; readonly destroyed?: boolean };
  };
}

/** The part of a response of Node that {@link fromFastifyRequest} listens to. */
export interface HostedResponse {
  readonly closed?: boolean;
  once(event: "close", listener: () => void): unknown;
}

interface PeerAddress {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** The call's request for one that Fastify routes. */
export function fromFastifyRequest(
  { id, log, socket, raw }: HostedRequest,
  response: HostedResponse,
): CallRequest {
  return {
    id,
    log,
    peer: peerOf(socket),
    httpVersion: raw.httpVersion,
    connection: raw.stream?.session ?? raw.socket,
    onClosed(callback) {
      // A hook may have waited for something while the caller left.
      if (response.closed || raw.stream?.destroyed) {
        callback();
      } else {
        response.once("close", callback);
      }
    },
  };
}

/**
 * Makes the requests of calls that Fastify does not see: those of HTTP/2 streams, and of
 * WebSockets.
 */
export interface CallRequests {
  ofStream(stream: Http2Stream): CallRequest;
  /** @param stream - what carries the call of the upgrade request */
  ofUpgrade(request: IncomingMessage, stream: HostedResponse): CallRequest;
}

/** Creates what makes requests whose loggers are children of the application's. */
export function createCallRequests(logger: HostLogger): CallRequests {
  let streamCount = 0;
  let upgradeCount = 0;
  return {
    ofStream(stream) {
      streamCount += 1;
      return new StreamRequest(logger, streamCount, stream);
    },
    ofUpgrade(request, stream) {
      upgradeCount += 1;
      const id = `tunnel-${upgradeCount.toString(36)}`;
      const log = logger.child({ reqId: id });
      const { socket } = request;
      return fromFastifyRequest({ id, log, socket, raw: request }, stream);
    },
  };
}

/** What nobody asks for is not made: there is one for each open stream. */
class StreamRequest implements CallRequest {
  readonly #logger: HostLogger;
  readonly #count: number;
  readonly #stream: Http2Stream;
  readonly peer: string;
  readonly connection: object;

  constructor(logger: HostLogger, count: number, stream: Http2Stream) {
    this.#logger = logger;
    this.#count = count;
    this.#stream = stream;
    const { session } = stream;
    this.peer = sessionPeer(session);
    this.connection = session ?? stream;
  }

  get id(): string {
    return `call-${this.#count.toString(36)}`;
  }

  get httpVersion(): string {
    return "2.0";
  }

  get log(): CallLogger {
    // A child costs more than the line that it does not log.
    return this.#logger.isLevelEnabled?.("info") === false
      ? this.#logger
      : this.#logger.child({ reqId: this.id });
  }

  onClosed(callback: () => void): void {
    this.#stream.once("close", callback);
  }
}

const peers = new WeakMap<Http2Session, string>();

/**
 * The peer of a session that is open. It is kept for the session's calls: some of them
 * are logged when the session is gone, which throws when it is asked for its socket.
 */
function sessionPeer(session: Http2Session | undefined): string {
  const known = session && peers.get(session);
  if (known !== undefined) {
    return known;
  }
  const peer = peerOf(session === undefined || session.destroyed ? {} : session.socket);
  if (session) {
    peers.set(session, peer);
  }
  return peer;
}

function peerOf({ remoteAddress = "unknown", remotePort = 0 }: PeerAddress): string {
  const host = remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress;
  return `${host}:${remotePort}`;
}
