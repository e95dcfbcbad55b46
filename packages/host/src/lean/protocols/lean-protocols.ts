import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http2";
import type { DescMethod } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamToJson,
  errorToJsonBytes,
  parseTimeout as parseConnectTimeout,
} from "@connectrpc/connect/protocol-connect";
import {
  parseTimeout as parseGrpcTimeout,
  setTrailerStatus,
} from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { frameMessages } from "../../frames/envelope.ts";
import type { LeanStream } from "../lean-stream.ts";

/** What a response consists of beside its messages. */
export interface ResponseParts {
  readonly header: Headers | undefined;
  readonly trailer: Headers | undefined;
  readonly error: ConnectError | undefined;
}

/** What differs between the protocols that the lean path speaks. */
export interface LeanProtocol {
  /** As handlers are told. */
  readonly name: "grpc" | "grpc-web" | "connect";
  readonly contentType: string;
  /** Whether messages come in envelopes; else the body is the one message. */
  readonly enveloped: boolean;
  /** Whether it has methods of this kind. */
  serves(kind: DescMethod["methodKind"]): boolean;
  /** The header of a request that names a compression. */
  readonly encodingHeader: string;
  /** How long the caller waits, in milliseconds, or what is wrong with what it says. */
  timeout(
    headers: IncomingHttpHeaders,
    maxTimeoutMs: number,
  ): { timeoutMs?: number; error?: ConnectError | undefined };
  /** Sends the response's headers, with messages to follow. The trailers are read at its end. */
  begin(stream: LeanStream, parts: ResponseParts): void;
  /** Ends the response, whose headers have been sent or, if not, are sent now. */
  end(stream: LeanStream, parts: ResponseParts): void;
  /** Sends the whole response of a call with one message. */
  respond(stream: LeanStream, message: Uint8Array, parts: ResponseParts): void;
}

const grpc: Omit<LeanProtocol, "name" | "contentType" | "begin" | "end" | "respond"> = {
  enveloped: true,
  serves: () => true,
  encodingHeader: "grpc-encoding",
  timeout: (headers, maxTimeoutMs) =>
    parseGrpcTimeout((headers["grpc-timeout"] as string | undefined) ?? null, maxTimeoutMs),
};

const withTrailers = { waitForTrailers: true };
const okTrailers: OutgoingHttpHeaders = { "grpc-status": "0" };

/** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
function createGrpc(contentType: string): LeanProtocol {
  const begin: LeanProtocol["begin"] = (stream, parts) => {
    stream.on("wantTrailers", () => stream.sendTrailers(grpcTrailers(parts)));
    const headers = responseHeaders(200, "application/grpc+proto", parts.header);
    stream.respond(headers, withTrailers);
  };
  return {
    ...grpc,
    name: "grpc",
    contentType,
    begin,
    end(stream, parts) {
      // Headers that a handler has set stay apart: clients take all of a response that
      // has no body for trailers.
      if (!stream.headersSent && parts.error && isEmpty(parts.header)) {
        const headers = { ":status": 200, "content-type": "application/grpc+proto" };
        stream.respond({ ...headers, ...grpcTrailers(parts) }, { endStream: true });
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
  };
}

function grpcTrailers({ trailer, error }: ResponseParts): OutgoingHttpHeaders {
  if (!error && !trailer) {
    return okTrailers;
  }
  return toNodeHeaders(setTrailerStatus(trailer ?? new Headers(), error));
}

/** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md */
function createGrpcWeb(contentType: string): LeanProtocol {
  const begin: LeanProtocol["begin"] = (stream, { header }) =>
    stream.respond(responseHeaders(200, "application/grpc-web+proto", header));
  const okEnd = frameMessages([Buffer.from("grpc-status: 0\r\n")], trailerFlag);
  const endOf = ({ trailer, error }: ResponseParts) =>
    !trailer && !error
      ? okEnd
      : frameMessages(
          [trailerSerialize(setTrailerStatus(trailer ?? new Headers(), error))],
          trailerFlag,
        );
  return {
    ...grpc,
    name: "grpc-web",
    contentType,
    begin,
    end(stream, parts) {
      if (!stream.headersSent) {
        begin(stream, parts);
      }
      stream.end(endOf(parts));
    },
    respond(stream, message, parts) {
      begin(stream, parts);
      stream.end(Buffer.concat([frameMessages([message]), endOf(parts)]));
    },
  };
}

const connectTimeout: LeanProtocol["timeout"] = (headers, maxTimeoutMs) =>
  parseConnectTimeout((headers["connect-timeout-ms"] as string | undefined) ?? null, maxTimeoutMs);

/** https://connectrpc.com/docs/protocol#streaming-rpcs */
function createConnectStreaming(): LeanProtocol {
  const contentType = "application/connect+proto";
  const begin: LeanProtocol["begin"] = (stream, { header }) =>
    stream.respond(responseHeaders(200, contentType, header));
  const okEnd = frameMessages([Buffer.from("{}")], endStreamFlag);
  const endOf = ({ trailer, error }: ResponseParts) =>
    !trailer && !error
      ? okEnd
      : frameMessages(
          [
            Buffer.from(
              JSON.stringify(endStreamToJson(trailer ?? new Headers(), error, undefined)),
            ),
          ],
          endStreamFlag,
        );
  return {
    name: "connect",
    contentType,
    enveloped: true,
    serves: (kind) => kind !== "unary",
    encodingHeader: "connect-content-encoding",
    timeout: connectTimeout,
    begin,
    end(stream, parts) {
      if (!stream.headersSent) {
        begin(stream, parts);
      }
      stream.end(endOf(parts));
    },
    respond(stream, message, parts) {
      begin(stream, parts);
      stream.end(Buffer.concat([frameMessages([message]), endOf(parts)]));
    },
  };
}

/** https://connectrpc.com/docs/protocol#unary-request */
function createConnectUnary(): LeanProtocol {
  const contentType = "application/proto";
  function send(
    stream: LeanStream,
    status: number,
    type: string,
    body: Uint8Array,
    parts: ResponseParts,
  ) {
    const header = parts.trailer ? new Headers(parts.header) : parts.header;
    for (const [name, value] of parts.trailer ?? []) {
      header?.append(`trailer-${name}`, value);
    }
    const headers = responseHeaders(status, type, header);
    if (Array.isArray(headers)) {
      headers.push("content-length", String(body.byteLength));
    } else {
      headers["content-length"] = body.byteLength;
    }
    stream.respond(headers);
    stream.end(body);
  }
  return {
    name: "connect",
    contentType,
    enveloped: false,
    serves: (kind) => kind === "unary",
    encodingHeader: "content-encoding",
    timeout: connectTimeout,
    begin() {
      throw new Error("a unary response has no beginning of its own");
    },
    end(stream, parts) {
      const { error } = parts;
      if (!error) {
        throw new Error("a unary response has a message");
      }
      const header = parts.header ?? new Headers();
      if (!error.isWireError) {
        error.metadata.forEach((value, name) => {
          header.append(name, value);
        });
      }
      const body = errorToJsonBytes(error, undefined);
      const { trailer } = parts;
      send(stream, codeToHttpStatus(error.code), "application/json", body, {
        header,
        trailer,
        error,
      });
    },
    respond: (stream, message, parts) => send(stream, 200, contentType, message, parts),
  };
}

/** By content type. Everything else is for the stock handler. */
export const leanProtocols: ReadonlyMap<string, LeanProtocol> = new Map(
  [
    createGrpc("application/grpc"),
    createGrpc("application/grpc+proto"),
    createGrpcWeb("application/grpc-web"),
    createGrpcWeb("application/grpc-web+proto"),
    createConnectStreaming(),
    createConnectUnary(),
  ].map((protocol) => [protocol.contentType, protocol]),
);

function isEmpty(header: Headers | undefined): boolean {
  return header === undefined || header.keys().next().done === true;
}

/** Headers that nothing was added to are listed: that costs less than an object of them. */
function responseHeaders(
  status: number,
  contentType: string,
  header: Headers | undefined,
): OutgoingHttpHeaders | string[] {
  if (!header) {
    const list = [":status", String(status), "content-type", contentType, "", ""];
    // Node adds the date: an array that has no room for it would make room for much more.
    list.length = 4;
    return list;
  }
  const headers = toNodeHeaders(header);
  headers[":status"] = status;
  headers["content-type"] = contentType;
  return headers;
}

function toNodeHeaders(header: Headers): OutgoingHttpHeaders {
  const headers: OutgoingHttpHeaders = {};
  header.forEach((value, name) => {
    headers[name] = value;
  });
  return headers;
}
