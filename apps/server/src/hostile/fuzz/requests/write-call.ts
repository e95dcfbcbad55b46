import { dataFrames, type Field, flag, headersFrame } from "../wire/http2-frames.ts";
import type { FuzzCall } from "./fuzz-call.ts";

/** A call as the frames of an HTTP/2 stream. */
export function http2Call(streamId: number, call: FuzzCall, maxDataBytes?: number): Buffer[] {
  const hasBody = call.body.length > 0;
  return [
    headersFrame(streamId, http2Fields(call), flag.endHeaders | (hasBody ? 0 : flag.endStream)),
    ...(hasBody ? dataFrames(streamId, call.body, true, maxDataBytes) : []),
  ];
}

/** The header fields of a call over HTTP/2. */
export function http2Fields({ httpMethod, path, headers }: FuzzCall): Field[] {
  return [
    [":method", httpMethod],
    [":scheme", "http"],
    [":authority", "localhost"],
    [":path", path],
    ...headers,
  ];
}

/** The head of a call over HTTP/1.1. */
export function http1Head(
  { httpMethod, path, headers }: FuzzCall,
  framing: readonly string[],
): string {
  const lines = headers
    .filter(([name]) => name !== "te")
    .map(([name, value]) => `${name}: ${value}`);
  return [`${httpMethod} ${path} HTTP/1.1`, "Host: localhost", ...lines, ...framing, "", ""].join(
    "\r\n",
  );
}

/** A call over HTTP/1.1 whose body has a length. */
export function http1Call(call: FuzzCall): Buffer {
  const framing = call.body.length > 0 ? [`Content-Length: ${call.body.length}`] : [];
  return Buffer.concat([Buffer.from(http1Head(call, framing), "latin1"), call.body]);
}

/** A call over HTTP/1.1 whose body comes in chunks of these sizes, the last of which go on. */
export function http1ChunkedCall(call: FuzzCall, chunkBytes: number): Buffer {
  const chunks: Buffer[] = [];
  for (let start = 0; start < call.body.length; start += chunkBytes) {
    const chunk = call.body.subarray(start, start + chunkBytes);
    chunks.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n"));
  }
  return Buffer.concat([
    Buffer.from(http1Head(call, ["Transfer-Encoding: chunked"]), "latin1"),
    ...chunks,
    Buffer.from("0\r\n\r\n"),
  ]);
}
