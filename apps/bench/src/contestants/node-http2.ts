import { allProtocols, type Contestant } from "./contestant.ts";
import { createNodePeer } from "./node-peer.ts";

/** As little as a server in Node can do: the limit, not a peer. */
export const nodeHttp2: Contestant = createNodePeer({
  name: "node-http2",
  description: "bare node:http2 that copies bytes: the limit, no service",
  protocols: allProtocols,
  program: "node-http2-server.ts",
});
