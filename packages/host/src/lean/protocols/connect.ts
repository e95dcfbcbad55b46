import type { IncomingHttpHeaders } from "node:http2";
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamToJson,
  errorToJsonBytes,
  parseTimeout,
} from "@connectrpc/connect/protocol-connect";
import { frameMessages } from "../../frames/envelope.ts";
import type { LeanStream } from "../lean-stream.ts";
import { withEnvelopedEnd } from "./enveloped-end.ts";
import { responseHeaders } from "./headers.ts";
import type { LeanProtocol, ResponseParts } from "./lean-protocol.ts";

const timeout: LeanProtocol["timeout"] = (headers: IncomingHttpHeaders, maxTimeoutMs) =>
  parseTimeout((headers["connect-timeout-ms"] as string | undefined) ?? null, maxTimeoutMs);

/** https://connectrpc.com/docs/protocol#streaming-rpcs */
export function createConnectStreaming(): LeanProtocol {
  const contentType = "application/connect+proto";
  const okEnd = frameMessages([Buffer.from("{}")], endStreamFlag);
  return {
    name: "connect",
    contentType,
    enveloped: true,
    serves: (kind) => kind !== "unary",
    encodingHeader: "connect-content-encoding",
    timeout,
    ...withEnvelopedEnd(contentType, okEnd, ({ trailer, error, jsonOptions }) => {
      const json = endStreamToJson(trailer ?? new Headers(), error, jsonOptions);
      return frameMessages([Buffer.from(JSON.stringify(json))], endStreamFlag);
    }),
  };
}

/** https://connectrpc.com/docs/protocol#unary-request */
export function createConnectUnary(): LeanProtocol {
  const contentType = "application/proto";
  return {
    name: "connect",
    contentType,
    enveloped: false,
    serves: (kind) => kind === "unary",
    encodingHeader: "content-encoding",
    timeout,
    begin() {
      throw new Error("a unary response has no beginning of its own");
    },
    end(stream, parts) {
      const { error, trailer, jsonOptions } = parts;
      if (!error) {
        throw new Error("a unary response has a message");
      }
      const header = parts.header ?? new Headers();
      if (!error.isWireError) {
        error.metadata.forEach((value, name) => {
          header.append(name, value);
        });
      }
      const body = errorToJsonBytes(error, jsonOptions);
      const status = codeToHttpStatus(error.code);
      sendUnary(stream, status, "application/json", body, { header, trailer, error, jsonOptions });
    },
    respond: (stream, message, parts) => sendUnary(stream, 200, contentType, message, parts),
  };
}

function sendUnary(
  stream: LeanStream,
  status: number,
  contentType: string,
  body: Uint8Array,
  parts: ResponseParts,
): void {
  const header = parts.trailer ? new Headers(parts.header) : parts.header;
  for (const [name, value] of parts.trailer ?? []) {
    header?.append(`trailer-${name}`, value);
  }
  const headers = responseHeaders(status, contentType, header);
  if (Array.isArray(headers)) {
    headers.push("content-length", String(body.byteLength));
  } else {
    headers["content-length"] = body.byteLength;
  }
  stream.respond(headers);
  stream.end(body);
}
