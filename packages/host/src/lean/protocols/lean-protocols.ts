import { createConnectStreaming, createConnectUnary } from "./connect.ts";
import { createGrpc } from "./grpc.ts";
import { createGrpcWeb } from "./grpc-web.ts";
import type { LeanProtocol } from "./lean-protocol.ts";

/** The protocols of the lean path, by content type. Everything else is for the stock path. */
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
