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
  const { remoteAddress = "unknown", remotePort = 0 } = socket;
  const host = remoteAddress.includes(":") ? `[${remoteAddress}]` : remoteAddress;
  const peer = `${host}:${remotePort}`;
  return createContextValues().set(requestContextKey, {
    id,
    log,
    peer,
    httpVersion: raw.httpVersion,
  });
}
