/** The part of Fastify's request that {@link unimplementedHandler} reads. */
export interface UnimplementedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: { readonly "content-type"?: string | undefined };
}

/** The part of Fastify's reply that {@link unimplementedHandler} writes. */
export interface UnimplementedReply {
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  getHeaders(): Record<string, string | number | string[] | undefined>;
  send(payload: unknown): unknown;
  hijack(): unknown;
  readonly raw: {
    statusCode: number;
    setHeader(name: string, value: string | number | readonly string[]): unknown;
    end(): unknown;
  };
}

// Code.Unimplemented, in gRPC's numbers and in Connect's names.
const grpcStatus = "12";
const connectCode = "unimplemented";

// As the path comes from the client, what is repeated of it has a limit.
const maxPathLength = 200;

/**
 * A handler for Fastify's `setNotFoundHandler` that answers a call to an unknown
 * service or method in the protocol of its caller, so that every client reports
 * UNIMPLEMENTED and not a broken response:
 *
 * - gRPC and gRPC-Web: 200 with `grpc-status: 12` in the headers and no body
 *   ("Trailers-Only", https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md#responses);
 * - Connect, streaming: 200 with the error in the envelope that ends the stream;
 * - Connect, unary or GET: 404 with the error as JSON
 *   (https://connectrpc.com/docs/protocol#error-end-stream);
 * - anything else: a plain 404, with JSON of the same shape.
 */
export function unimplementedHandler(
  request: UnimplementedRequest,
  reply: UnimplementedReply,
): void {
  const path = request.url.split("?", 1)[0]?.slice(0, maxPathLength) ?? "";
  const contentType = mediaType(request.headers["content-type"]);
  if (/^application\/grpc(-web(-text)?)?(\+|$)/.test(contentType)) {
    reply.header("content-type", contentType);
    reply.header("grpc-status", grpcStatus);
    reply.header("grpc-message", percentEncode(`${path} is not implemented`));
    sendHeadersOnly(reply);
  } else if (contentType.startsWith("application/connect+")) {
    reply.code(200);
    reply.header("content-type", contentType);
    reply.send(endStream({ error: { code: connectCode, message: `${path} is not implemented` } }));
  } else {
    reply.code(404);
    reply.header("content-type", "application/json");
    reply.send(
      isConnectUnary(contentType) || isConnectGet(request)
        ? JSON.stringify({ code: connectCode, message: `${path} is not implemented` })
        : JSON.stringify({ code: "not_found", message: `${path} was not found` }),
    );
  }
}

/**
 * Over HTTP/2 a gRPC client takes a status from the headers only if they end the
 * stream. Fastify's send() has them followed by an empty DATA frame.
 */
function sendHeadersOnly(reply: UnimplementedReply): void {
  reply.hijack();
  reply.raw.statusCode = 200;
  // Those that hooks have set, CORS for example, are among them.
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) {
      reply.raw.setHeader(name, value);
    }
  }
  reply.raw.end();
}

function mediaType(contentType = ""): string {
  return (contentType.split(";", 1)[0] ?? "").trim().toLowerCase();
}

function isConnectUnary(contentType: string): boolean {
  return contentType === "application/json" || contentType === "application/proto";
}

function isConnectGet({ method, url }: UnimplementedRequest): boolean {
  return method === "GET" && new URLSearchParams(url.split("?")[1]).has("connect");
}

/** An envelope with the flag that ends a Connect stream, and its length. */
function endStream(content: object): Buffer {
  const payload = Buffer.from(JSON.stringify(content));
  const header = Buffer.alloc(5);
  header.writeUInt8(0b10, 0);
  header.writeUInt32BE(payload.length, 1);
  return Buffer.concat([header, payload]);
}

/** The encoding of grpc-message: printable ASCII, with % as the escape. */
function percentEncode(text: string): string {
  return text.replace(/[^\x20-\x24\x26-\x7e]/g, encodeURIComponent);
}
