import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { createBase64Decoder } from "./base64-decoder.ts";

/** A request of `node:http`, or of the compatibility layer of `node:http2`. */
export type NodeRequest = IncomingMessage | Http2ServerRequest;
/** And its response. */
export type NodeResponse = ServerResponse | Http2ServerResponse;

/**
 * For Fastify's hook `onRequest`: lets the services of connect-fastify, which refuses
 * `application/grpc-web-text`, answer calls of that type, those of Google's client
 * `grpc-web` for example, whose streams need it. It does what
 * {@link translateGrpcWebText} does, and nothing to any other request.
 */
export function grpcWebTextHook(
  request: { readonly raw: NodeRequest },
  reply: { readonly raw: NodeResponse },
  done: () => void,
): void {
  translateGrpcWebText(request.raw, reply.raw);
  done();
}

/**
 * Makes a gRPC-Web call in text, as base64, look like one in binary to whatever serves
 * it, and the answer text to the client
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md). Requests of other
 * types stay as they are. Call it before anything has read the body.
 *
 * - Who iterates over the request (as Connect's adapters for Node do) gets the decoded
 *   bytes as they arrive, and a ConnectError with INVALID_ARGUMENT where they are not
 *   base64. Its `content-length` is taken away, as it counts the text.
 * - An answer of any gRPC-Web type gets the type of the request, and each write leaves
 *   as base64 of its own, padded, so that a message is never held back for the next.
 *   An answer of another type, an HTTP error for example, is left alone.
 *
 * Nothing is buffered beyond three characters, and back-pressure, abortion and errors
 * are those of the request and the response themselves.
 */
export function translateGrpcWebText(request: NodeRequest, response: NodeResponse): void {
  const { headers } = request;
  const type = mediaType(headers["content-type"]);
  if (!/^application\/grpc-web-text(\+|$)/.test(type)) {
    return;
  }
  headers["content-type"] = type.replace("-text", "");
  delete headers["content-length"];
  decodeBody(request);
  encodeBody(response as ResponseMethods, type);
}

function decodeBody(request: NodeRequest): void {
  const iterate = request[Symbol.asyncIterator];
  const text: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => iterate.call(request),
  };
  request[Symbol.asyncIterator] = async function* (): AsyncGenerator<Uint8Array, undefined> {
    const decoder = createBase64Decoder();
    for await (const piece of text) {
      const bytes = decoder.decode(piece);
      if (bytes.length > 0) {
        yield bytes;
      }
    }
    decoder.end();
    return undefined;
  };
}

/** What is replaced of a response. Each method has more than one form. */
interface ResponseMethods {
  setHeader(name: string, value: unknown): unknown;
  removeHeader(name: string): unknown;
  writeHead(status: number, ...messageAndHeaders: unknown[]): unknown;
  write(...args: unknown[]): unknown;
  end(...args: unknown[]): unknown;
}

function encodeBody(response: ResponseMethods, textType: string): void {
  const { setHeader, writeHead, write, end } = response;
  let isText = false;

  response.setHeader = (name, value) => {
    if (name.toLowerCase() !== "content-type") {
      return setHeader.call(response, name, value);
    }
    isText = /^application\/grpc-web(\+|$)/.test(mediaType(String(value)));
    return setHeader.call(response, name, isText ? textType : value);
  };

  response.writeHead = (status, ...rest) => {
    for (const [name, value] of headerEntries(rest.at(-1))) {
      response.setHeader(name, value);
    }
    if (isText) {
      response.removeHeader("content-length");
    }
    return writeHead.call(response, status, ...rest.filter((arg) => typeof arg === "string"));
  };

  response.write = (...args) => {
    if (!isText) {
      return write.apply(response, args);
    }
    const { chunk, encoding, callback } = writeArguments(args);
    return write.call(response, toBase64(chunk, encoding), "latin1", callback);
  };

  response.end = (...args) => {
    const { chunk, encoding, callback } = writeArguments(args);
    if (!isText || chunk === undefined || chunk === null) {
      return end.apply(response, args);
    }
    // Not by end() itself: only HTTP/2's calls write(), and would encode twice.
    response.write(chunk, encoding);
    return end.call(response, callback);
  };
}

/** The headers given to writeHead(): an object, or an array of names and values by turns. */
function headerEntries(headers: unknown): [name: string, value: unknown][] {
  if (!Array.isArray(headers)) {
    return typeof headers === "object" && headers !== null ? Object.entries(headers) : [];
  }
  const names = headers.filter((_, index) => index % 2 === 0);
  return names.map((name, index) => [name, headers[2 * index + 1]]);
}

/** The arguments of write() and end(), any of which may be left out. */
function writeArguments(args: readonly unknown[]) {
  const [chunk, encoding] = args.filter((arg) => typeof arg !== "function");
  return {
    chunk: chunk as string | Uint8Array | null | undefined,
    encoding: encoding as BufferEncoding | undefined,
    callback: args.find((arg) => typeof arg === "function"),
  };
}

function toBase64(chunk: string | Uint8Array | null | undefined, encoding?: BufferEncoding) {
  if (typeof chunk === "string") {
    return Buffer.from(chunk, encoding).toString("base64");
  }
  const { buffer, byteOffset, byteLength } = chunk as Uint8Array;
  return Buffer.from(buffer, byteOffset, byteLength).toString("base64");
}

function mediaType(contentType = ""): string {
  return (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();
}
