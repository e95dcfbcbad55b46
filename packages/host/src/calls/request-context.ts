import type { Http2Session, Http2Stream } from "node:http2";
import {
  type ContextKey,
  type ContextValues,
  createContextKey,
  createContextValues,
} from "@connectrpc/connect";

/** The methods of Fastify's logger, which is pino's, that calls are logged with. */
export interface CallLogger {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** The part of Fastify's request that {@link requestContext} reads. */
export interface HostedRequest {
  readonly id: string;
  readonly log: CallLogger;
  readonly socket: {
    readonly remoteAddress?: string | undefined;
    readonly remotePort?: number | undefined;
  };
  readonly raw: { readonly httpVersion: string };
}

/** The logger of an application: Fastify's `app.log`. */
export interface HostLogger extends CallLogger {
  isLevelEnabled?(level: string): boolean;
  child(bindings: { readonly reqId: string }): CallLogger;
}

/** What is known of the HTTP request that a call came in. */
export interface RequestContext {
  /** Fastify's request id. */
  readonly id: string;
  /** The request's own logger, which adds the id to what it logs. */
  readonly log: CallLogger;
  /** Who sent it: "127.0.0.1:51234" or "[::1]:51234". */
  readonly peer: string;
  /** "1.0", "1.1" or "2.0". */
  readonly httpVersion: string;
}

/** Where interceptors and handlers find the {@link RequestContext} of their call. */
export const requestContextKey: ContextKey<RequestContext | undefined> = createContextKey<
  RequestContext | undefined
>(undefined, { description: "the HTTP request of the call" });

/**
 * Makes what is known of a request available to interceptors and handlers; for the
 * option `contextValues` of `fastifyConnectPlugin`.
 */
export function requestContext({ id, log, socket, raw }: HostedRequest): ContextValues {
  const { httpVersion } = raw;
  return createContextValues().set(requestContextKey, {
    id,
    log,
    peer: peerOf(socket),
    httpVersion,
  });
}

/**
 * The same for calls on the lean path, which Fastify does not see; for the option
 * `contextValues` of `createLeanPath`. Ids are "call-1" and so on.
 */
export function createStreamContext(logger: HostLogger): (stream: Http2Stream) => ContextValues {
  let count = 0;
  return ({ session }) => {
    count += 1;
    const request = new StreamRequestContext(logger, count, sessionPeer(session));
    return new StreamContextValues().set(requestContextKey, request);
  };
}

/** As `createContextValues` makes them, without functions of their own. */
class StreamContextValues implements ContextValues {
  [id: symbol]: unknown;

  get<T>({ id, defaultValue }: ContextKey<T>): T {
    return id in this ? (this[id] as T) : defaultValue;
  }

  set<T>({ id }: ContextKey<T>, value: T): this {
    this[id] = value;
    return this;
  }

  delete({ id }: ContextKey<unknown>): this {
    delete this[id];
    return this;
  }
}

/** What nobody asks for is not made: there is one for each open stream. */
class StreamRequestContext implements RequestContext {
  readonly #logger: HostLogger;
  readonly #count: number;
  readonly peer: string;

  constructor(logger: HostLogger, count: number, peer: string) {
    this.#logger = logger;
    this.#count = count;
    this.peer = peer;
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

function peerOf({ remoteAddress = "unknown", remotePort = 0 }: HostedRequest["socket"]): string {
  const host = remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress;
  return `${host}:${remotePort}`;
}
