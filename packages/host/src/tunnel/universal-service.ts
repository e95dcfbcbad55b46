import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { Duplex } from "node:stream";
import { createContextValues } from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { callerLeft } from "../calls/call-registry.ts";
import type { CallRequest } from "../calls/call-request.ts";
import type { Routing } from "../calls/routing.ts";
import { type LeanStream, sendOn } from "../lean/lean-stream.ts";
import { unimplementedHandler } from "../services/unimplemented.ts";
import { callRequestKey } from "../stock/stock-request.ts";

/** Serves calls from streams, with Connect's own handlers. */
export interface UniversalService {
  /**
   * Serves a call, whose headers are those of an HTTP/2 request; a path that no service
   * has is UNIMPLEMENTED. Rejects when the handler breaks, which is not what it should do
   * with an error of a call.
   */
  serve(stream: LeanStream, headers: IncomingHttpHeaders, request: CallRequest): Promise<void>;
}

/**
 * Creates what serves the calls of another transport that the lean path does not take: JSON,
 * compressed messages, unknown methods. gRPC is not among them, as it needs trailers.
 */
export function createUniversalService(routing: Pick<Routing, "handlers">): UniversalService {
  const handlers = new Map<string, UniversalHandler>(
    routing.handlers.map((handler) => [handler.requestPath, handler]),
  );
  return {
    async serve(stream, headers, request) {
      const handler = handlers.get(headers[":path"] as string);
      stream.on("error", ignoreError);
      if (handler) {
        await answer(stream, await handler(toUniversalRequest(stream, headers, request)));
      } else {
        refuseUnimplemented(stream, headers);
      }
    },
  };
}

function toUniversalRequest(
  stream: LeanStream,
  headers: IncomingHttpHeaders,
  request: CallRequest,
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
    contextValues: createContextValues().set(callRequestKey, request),
  };
}

async function answer(stream: LeanStream, response: UniversalServerResponse): Promise<void> {
  const pieces = response.body?.[Symbol.asyncIterator]();
  let isOver = !pieces;
  try {
    let piece = await pieces?.next();
    // Not before the first piece: until then a handler may set headers.
    let isOpen = sendOn(stream, () => stream.respond(toNodeHeaders(response)));
    for (; piece && !piece.done && isOpen; piece = await pieces?.next()) {
      const { value } = piece;
      let hasRoom = true;
      isOpen = sendOn(stream, () => {
        hasRoom = stream.write(value);
      });
      if (isOpen && !hasRoom) {
        await drained(stream);
      }
    }
    isOver = piece?.done === true;
    sendOn(stream, () => stream.end());
  } finally {
    if (!isOver) {
      // Not awaited: a generator returns only once what it awaits has settled.
      Promise.resolve(pieces?.return?.()).catch(ignoreError);
    }
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
