import type { Contestant } from "./contestant.ts";
import { createNodePeer } from "./node-peer.ts";

/** A server made with @grpc/grpc-js. */
export const grpcJs: Contestant = createNodePeer({
  name: "grpc-js",
  description: "@grpc/grpc-js and @grpc/proto-loader, in memory",
  protocols: ["grpc"],
  program: "grpc-js-server.ts",
});
