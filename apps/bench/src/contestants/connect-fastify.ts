import { allProtocols, type Contestant } from "./contestant.ts";
import { createNodePeer } from "./node-peer.ts";

/** A server made with Fastify and Connect's plugin, as its documentation shows it. */
export const connectFastify: Contestant = createNodePeer({
  name: "connect-fastify",
  description: "Fastify and @connectrpc/connect-fastify, in memory",
  protocols: allProtocols,
  program: "connect-fastify-server.ts",
});
