import { connectFastify } from "./connect-fastify.ts";
import type { Contestant } from "./contestant.ts";
import { grpcGo } from "./grpc-go.ts";
import { grpcJs } from "./grpc-js.ts";
import { nodeHttp2 } from "./node-http2.ts";
import { parley, parleyStock } from "./parley.ts";

/** All servers that take part unless a run names some, in the order of the tables. */
export const contestants: readonly Contestant[] = [
  parley,
  parleyStock,
  grpcGo,
  grpcJs,
  connectFastify,
  nodeHttp2,
];
