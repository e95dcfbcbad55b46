import { cors as connectCors } from "@connectrpc/connect";
import {
  allowsAnyOrigin,
  createOriginCheck,
  type OriginCheck,
  type OriginCheckOptions,
  type RequestHeaders,
} from "./origin-check.ts";

export {
  createOriginCheck,
  type OriginCheck,
  type OriginCheckOptions,
  type RequestHeaders,
} from "./origin-check.ts";

/** Options for {@link createCors}. */
export interface CorsOptions extends OriginCheckOptions {
  /** Headers that pages may send, besides those of the protocols: "authorization", for example. */
  readonly allowedHeaders?: readonly string[];
  /** Headers that pages may read, besides those of the protocols. */
  readonly exposedHeaders?: readonly string[];
  /**
   * How long a browser may go on with the answer to a preflight. Default 7200, the
   * most that Chromium takes.
   */
  readonly maxAgeSeconds?: number;
}

/** Lets pages of other origins call a Connect service. */
export interface Cors {
  /** For Fastify: `app.addHook("onRequest", cors.hook)`, before the routes. */
  readonly hook: CorsHook;
  /** Tells whether the page that sent a request may call. */
  readonly isAllowed: OriginCheck;
  /**
   * The headers that CORS adds to the answer of a call. Without an Origin, or from
   * one that may not call, there is nothing in them that lets a page read the answer.
   */
  responseHeaders(headers: RequestHeaders, isEncrypted: boolean): CorsHeaders;
  /**
   * The whole answer to a preflight, without a body: 204, or 403 for an origin that
   * may not call. Undefined if the request is none.
   */
  preflight(
    method: string | undefined,
    headers: RequestHeaders,
    isEncrypted: boolean,
  ): { readonly status: 204 | 403; readonly headers: CorsHeaders } | undefined;
}

/** Headers of a response, their names in lower case. */
export type CorsHeaders = Readonly<Record<string, string>>;

/** A hook for Fastify, of the kind that calls back. */
export type CorsHook = (request: CorsRequest, reply: CorsReply, done: () => void) => void;

/** The part of Fastify's request that the hook reads. */
export interface CorsRequest {
  readonly raw: {
    readonly method?: string | undefined;
    readonly headers: RequestHeaders;
    /** Of HTTP/2. */
    readonly stream?: { readonly session?: { readonly encrypted?: boolean } | undefined };
    readonly socket: object;
  };
}

/** The part of Fastify's reply that the hook writes. */
export interface CorsReply {
  code(status: number): unknown;
  headers(headers: Record<string, string>): unknown;
  send(): unknown;
}

/**
 * Creates what answers preflights and adds the headers of CORS
 * (https://fetch.spec.whatwg.org/#http-cors-protocol) that Connect, gRPC-Web and
 * grpc-web-text need, on every path, so that a page learns of an unknown method too.
 *
 * Without `origins`, pages of the same origin and of localhost may call. Credentials
 * that a browser adds by itself, cookies above all, are never allowed. A call of an
 * origin that may not call is still served, as CORS has it: its page sees no answer.
 * Throws a TypeError for an origin that no browser would send.
 */
export function createCors(options: CorsOptions = {}): Cors {
  const isAllowed = createOriginCheck(options);
  const isAnyAllowed = allowsAnyOrigin(options);
  const shared = isAnyAllowed ? {} : { vary: "Origin" };
  const exposed = {
    "access-control-expose-headers": list(connectCors.exposedHeaders, options.exposedHeaders),
  };
  const granted = {
    "access-control-allow-methods": connectCors.allowedMethods.join(", "),
    "access-control-allow-headers": list(connectCors.allowedHeaders, options.allowedHeaders),
    "access-control-max-age": String(options.maxAgeSeconds ?? 7200),
  };

  function allowed(headers: RequestHeaders, isEncrypted: boolean): CorsHeaders | undefined {
    const { origin } = headers;
    return typeof origin === "string" && isAllowed(headers, isEncrypted)
      ? { ...shared, "access-control-allow-origin": isAnyAllowed ? "*" : origin }
      : undefined;
  }

  function responseHeaders(headers: RequestHeaders, isEncrypted: boolean): CorsHeaders {
    const origin = allowed(headers, isEncrypted);
    return origin ? { ...origin, ...exposed } : shared;
  }

  function preflight(method: string | undefined, headers: RequestHeaders, isEncrypted: boolean) {
    if (
      method !== "OPTIONS" ||
      headers.origin === undefined ||
      headers["access-control-request-method"] === undefined
    ) {
      return undefined;
    }
    const origin = allowed(headers, isEncrypted);
    return origin
      ? ({ status: 204, headers: { ...origin, ...granted } } as const)
      : ({ status: 403, headers: shared } as const);
  }

  function hook({ raw }: CorsRequest, reply: CorsReply, done: () => void): void {
    const isEncrypted = isEncryptedRequest(raw);
    const answer = preflight(raw.method, raw.headers, isEncrypted);
    if (answer === undefined) {
      reply.headers({ ...responseHeaders(raw.headers, isEncrypted) });
      done();
    } else {
      reply.code(answer.status);
      reply.headers({ ...answer.headers });
      reply.send();
    }
  }

  return { hook, isAllowed, responseHeaders, preflight };
}

function list(...lists: (readonly string[] | undefined)[]): string {
  const names = lists.flatMap((each) => each ?? []).map((name) => name.toLowerCase());
  return Array.from(new Set(names)).join(", ");
}

// The socket of an HTTP/2 request stands for one that may be gone, and would throw.
function isEncryptedRequest({ stream, socket }: CorsRequest["raw"]): boolean {
  return stream
    ? stream.session?.encrypted === true
    : "encrypted" in socket && socket.encrypted === true;
}
