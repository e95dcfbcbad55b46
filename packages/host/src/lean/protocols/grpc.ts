import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import { parseTimeout, setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { frameMessages } from "../../frames/envelope.ts";
import { awaitTrailers } from "../lean-stream.ts";
import { responseHeaders, toNodeHeaders } from "./headers.ts";
import type { LeanProtocol, ResponseParts } from "./lean-protocol.ts";

/** What gRPC and gRPC-Web have in common. */
export const grpcRequest: Pick<
  LeanProtocol,
  "enveloped" | "serves" | "encodingHeader" | "timeout"
> = {
  enveloped: true,
  serves: () => true,
  encodingHeader: "grpc-encoding",
  timeout: (headers: IncomingHttpHeaders, maxTimeoutMs: number) =>
    parseTimeout((headers["grpc-timeout"] as string | undefined) ?? null, maxTimeoutMs),
};

const withTrailers = { waitForTrailers: true };
const okTrailers: OutgoingHttpHeaders = { "grpc-status": "0" };

/** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
export function createGrpc(contentType: string): LeanProtocol {
  const begin: LeanProtocol["begin"] = (stream, parts) => {
    awaitTrailers(stream);
    const headers = responseHeaders(200, "application/grpc+proto", parts.header);
    stream.respond(headers, withTrailers);
  };
  return {
    ...grpcRequest,
    name: "grpc",
    contentType,
    begin,
    end(stream, parts) {
      // Headers that a handler has set stay apart: clients take all of a response that
      // has no body for trailers.
      if (!stream.headersSent && parts.error && isEmpty(parts.header)) {
        const headers = { ":status": 200, "content-type": "application/grpc+proto" };
        stream.respond({ ...headers, ...trailers(parts) }, { endStream: true });
        return;
      }
      if (!stream.headersSent) {
        begin(stream, parts);
      }
      stream.end();
    },
    respond(stream, message, parts) {
      begin(stream, parts);
      stream.end(frameMessages([message]));
    },
    trailers,
  };
}

function trailers({ trailer, error }: ResponseParts): OutgoingHttpHeaders {
  if (!error && !trailer) {
    return okTrailers;
  }
  return toNodeHeaders(setTrailerStatus(trailer ?? new Headers(), error));
}

function isEmpty(header: Headers | undefined): boolean {
  return header === undefined || header.keys().next().done === true;
}
