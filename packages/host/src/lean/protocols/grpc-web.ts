import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import { frameMessages } from "../../frames/envelope.ts";
import { withEnvelopedEnd } from "./enveloped-end.ts";
import { grpcRequest } from "./grpc.ts";
import type { LeanProtocol } from "./lean-protocol.ts";

/** https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md */
export function createGrpcWeb(contentType: string): LeanProtocol {
  const okEnd = frameMessages([Buffer.from("grpc-status: 0\r\n")], trailerFlag);
  return {
    ...grpcRequest,
    name: "grpc-web",
    contentType,
    ...withEnvelopedEnd("application/grpc-web+proto", okEnd, ({ trailer, error }) =>
      frameMessages(
        [trailerSerialize(setTrailerStatus(trailer ?? new Headers(), error))],
        trailerFlag,
      ),
    ),
  };
}
