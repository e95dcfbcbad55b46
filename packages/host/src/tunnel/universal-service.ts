import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { Duplex } from "node:stream";
import {
  type ConnectRouter,
  type ConnectRouterOptions,
  type ContextValues,
  createConnectRouter,
} from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { callerLeft } from "../calls/caller-left.ts";
import { guardRequests, type RequestGuardOptions } from "../guards/guard-requests.ts";
import type { LeanStream } from "../lean/lean-stream.ts";
import { unimplementedHandler } from "../services/unimplemented.ts";

/** Options for {@link createUniversalService}: those of Connect's plugins, and a guard's. */
export interface UniversalServiceOptions
  extends Omit<ConnectRouterOptions, "grpc" | "interceptors">,
    RequestGuardOptions {
  readonly routes: (router: ConnectRouter) => void;
  readonly interceptors?: ConnectRouterOptions["interceptors"] | undefined;
}

/** Serves calls from streams, with Connect's own handlers. */
export interface UniversalService {
  /**
   * Serves a call, whose headers are those of an HTTP/2 request; a path that no service
   * has is UNIMPLEMENTED. Rejects when the handler breaks, which is not what it should do
   * with an error of a call.
   */
  serve(stream: LeanStream, headers: IncomingHttpHeaders, values: ContextValues): Promise<void>;
}

/**
 * Creates what serves the calls of another transport that the lean path does not take: JSON,
 * compressed messages, unknown methods. gRPC is not among them, as it needs trailers.
 */
export function createUniversalService(options: UniversalServiceOptions): UniversalService {
  const { routes, bodyTimeoutMs, interceptors = [], ...routerOptions } = options;
  const router = createConnectRouter({ ...routerOptions, interceptors, grpc: false });
  routes(router);
  guardRequests(router, bodyTimeoutMs === undefined ? {} : { bodyTimeoutMs });
  const handlers = new Map<string, UniversalHandler>(
    router.handlers.map((handler) => [handler.requestPath, handler]),
  );
  return {
    async serve(stream, headers, values) {
      const handler = handlers.get(headers[":path"] as string);
      stream.on("error", ignoreError);
      if (handler) {
        await answer(stream, await handler(toUniversalRequest(stream, headers, values)));
      } else {
        refuseUnimplemented(stream, headers);
      }
    },
  };
}

function toUniversalRequest(
  stream: LeanStream,
  headers: IncomingHttpHeaders,
  contextValues: ContextValues,
): UniversalServerRequest {
  const left = new AbortController();
  stream.once("close", () => left.abort(callerLeft()));
  const header = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(":") && value !== undefined) {
      header.append(name, String(value));
    }
  }
  return {
    // Streams are full duplex, which Connect takes no HTTP/1 for.
    httpVersion: "2.0",
    method: headers[":method"] as string,
    url: new URL(
      headers[":path"] as string,
      `${headers[":scheme"]}://${headers[":authority"]}`,
    ).toString(),
    header,
    body: stream.iterator({ destroyOnReturn: false }),
    signal: left.signal,
    contextValues,
  };
}

async function answer(stream: LeanStream, response: UniversalServerResponse): Promise<void> {
  const pieces = response.body?.[Symbol.asyncIterator]();
  try {
    let piece = await pieces?.next();
    // Not before the first piece: until then a handler may set headers.
    stream.respond(toNodeHeaders(response));
    for (; piece && !piece.done && !stream.destroyed; piece = await pieces?.next()) {
      if (!stream.write(piece.value)) {
        await drained(stream);
      }
    }
    stream.end();
  } finally {
    // Not awaited: a generator returns only once what it awaits has settled.
    pieces?.return?.().catch(ignoreError);
  }
}

function toNodeHeaders({ status, header }: UniversalServerResponse): OutgoingHttpHeaders {
  return { ...Object.fromEntries(header ?? []), ":status": status };
}

function drained(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      stream.off("drain", settle);
      stream.off("close", settle);
      resolve();
    };
    stream.once("drain", settle);
    stream.once("close", settle);
    if (stream.destroyed) {
      settle();
    }
  });
}

/** As over HTTP. */
function refuseUnimplemented(stream: LeanStream, headers: IncomingHttpHeaders): void {
  const response: OutgoingHttpHeaders = {};
  const send = (body?: string | Buffer) => {
    stream.respond(response);
    stream.end(body);
  };
  unimplementedHandler(
    {
      method: headers[":method"] as string,
      url: headers[":path"] as string,
      headers: { "content-type": headers["content-type"] },
    },
    {
      code: (status) => {
        response[":status"] = status;
      },
      header: (name, value) => {
        response[name] = value;
      },
      getHeaders: () => ({}),
      send: (payload) => send(payload as string | Buffer),
      hijack: () => {},
      raw: {
        statusCode: 200,
        setHeader: () => {},
        end: () => send(),
      },
    },
  );
}

function ignoreError(): void {}
