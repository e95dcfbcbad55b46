import type { IncomingMessage } from "node:http";
import type { IncomingHttpHeaders } from "node:http2";
import { createOriginCheck } from "../browser/origin-check.ts";
import type { CallRequest } from "../calls/call-request.ts";
import type { LeanPath } from "../lean/lean-path.ts";
import { rewriteServiceAliases } from "../services/service-aliases.ts";
import type { RequestHeaders } from "./tunnel-frames.ts";
import { mergeRequestHeaders } from "./tunnel-headers.ts";
import type { TunnelStream } from "./tunnel-stream.ts";
import type { UniversalService } from "./universal-service.ts";

/** What serves the calls of a tunnel. */
export interface CallDispatcherOptions {
  readonly leanPath: Pick<LeanPath, "serve"> | undefined;
  readonly stockPath: UniversalService;
  readonly aliases: Readonly<Record<string, string>>;
  readonly prefix: string;
  readonly requestOf: (request: IncomingMessage, stream: TunnelStream) => CallRequest;
}

/**
 * Serves a call, from the upgrade request and the headers of the first frame. Rejects when
 * a handler breaks.
 */
export type CallDispatcher = (
  stream: TunnelStream,
  request: IncomingMessage,
  frame: RequestHeaders,
) => Promise<void>;

// Knows no origin but the server's own.
const isOwnOrigin = createOriginCheck({ origins: [] });

/** Creates what leads each call to the lean path or, if that does not take it, to the stock path. */
export function createCallDispatcher(options: CallDispatcherOptions): CallDispatcher {
  const { leanPath, stockPath, aliases, prefix, requestOf } = options;
  const rewrite = rewriteServiceAliases(aliases);
  return async (stream, request, frame) => {
    const headers = toHttp2Headers(request, frame, prefix);
    if (needsTrailers(headers["content-type"])) {
      refuseGrpc(stream);
      return;
    }
    const call = requestOf(request, stream);
    if (!leanPath?.serve(stream, headers, call)) {
      const path = rewrite({ url: headers[":path"] });
      await stockPath.serve(stream, { ...headers, ":path": path }, call);
    }
  };
}

/** Whether the connection that a socket stands for is TLS. */
export function isEncrypted(socket: object): boolean {
  return "encrypted" in socket && socket.encrypted === true;
}

function toHttp2Headers(
  { headers, socket, url = "/" }: IncomingMessage,
  frame: RequestHeaders,
  prefix: string,
): IncomingHttpHeaders {
  const encrypted = isEncrypted(socket);
  return Object.assign(mergeRequestHeaders(headers, frame, isOwnOrigin(headers, encrypted)), {
    ":method": "POST",
    ":scheme": encrypted ? "https" : "http",
    ":authority": headers.host as string,
    ":path": url.slice(prefix.length).split("?", 1)[0] as string,
  });
}

function needsTrailers(contentType = ""): boolean {
  return /^application\/grpc(\+|;|$)/i.test(contentType);
}

/** Code.Unimplemented, in the headers of a response without a body, as gRPC has it. */
function refuseGrpc(stream: TunnelStream): void {
  stream.respond(
    {
      "content-type": "application/grpc",
      "grpc-status": "12",
      "grpc-message": "a WebSocket has no HTTP trailers, which gRPC needs: use Connect or gRPC-Web",
    },
    { endStream: true },
  );
}
