import { buffer } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { create, createRegistry, fromBinary, toBinary } from "@bufbuild/protobuf";
import { createConformanceService } from "./conformance-service.ts";
import { createFrameService } from "./frame-service.ts";
import { HTTPVersionSchema, ProtocolSchema } from "./gen/connectrpc/conformance/v1/config_pb.ts";
import {
  type ServerCompatRequest,
  ServerCompatRequestSchema,
  ServerCompatResponseSchema,
} from "./gen/connectrpc/conformance/v1/server_compat_pb.ts";
import {
  ConformanceService,
  file_connectrpc_conformance_v1_service,
} from "./gen/connectrpc/conformance/v1/service_pb.ts";
import { createHosting, parseParts } from "./hosting.ts";
import { leftOpenMark, reportLeanPathCalls } from "./server-reports.ts";
import { startTunnelBridge } from "./tunnel-bridge.ts";

// The program that the runner starts for each configuration: it reads what to serve from
// its standard input, tells on its standard output where it does, and ends on SIGTERM.

const { values: flags } = parseArgs({
  options: {
    without: { type: "string", multiple: true, default: [] },
    over: { type: "string", default: "http" },
    frames: { type: "boolean", default: false },
  },
});
// A message of the runner follows its length in four bytes.
const request = fromBinary(ServerCompatRequestSchema, (await buffer(process.stdin)).subarray(4));
const service = flags.frames ? createFrameService() : createConformanceService();
const host = createHosting({
  routes: (router) => router.service(ConformanceService, service),
  tls: tlsOptions(request),
  limits: { readMaxBytes: request.messageReceiveLimit },
  // Else the suite's short messages would stay uncompressed.
  compressMinBytes: 0,
  // Requests are echoed within a google.protobuf.Any.
  jsonOptions: { registry: createRegistry(file_connectrpc_conformance_v1_service) },
  without: parseParts(flags.without),
});
const url = await host.listen({ host: "127.0.0.1", port: 0 });
const bridge = flags.over === "tunnel" ? await startTunnelBridge(url) : undefined;

process.once("SIGTERM", async () => {
  const hasEnded = await host.end();
  bridge?.close();
  const served = host.leanPath?.callCount ?? 0;
  process.stderr.write(`${reportLeanPathCalls(served)}\n`);
  if (!hasEnded) {
    const version = HTTPVersionSchema.value[request.httpVersion]?.name;
    const protocol = ProtocolSchema.value[request.protocol]?.name;
    process.stderr.write(`${leftOpenMark} ${version}, ${protocol}, TLS:${request.useTls}\n`);
  }
});

const { hostname, port } = new URL(url);
const response = toBinary(
  ServerCompatResponseSchema,
  create(ServerCompatResponseSchema, {
    host: hostname,
    port: bridge?.port ?? Number(port),
    ...(request.serverCreds ? { pemCert: request.serverCreds.cert } : {}),
  }),
);
const length = Buffer.alloc(4);
length.writeUInt32BE(response.length);
process.stdout.write(Buffer.concat([length, response]));

function tlsOptions({ useTls, serverCreds, clientTlsCert }: ServerCompatRequest) {
  if (!useTls || serverCreds === undefined) {
    return undefined;
  }
  return {
    key: Buffer.from(serverCreds.key),
    cert: Buffer.from(serverCreds.cert),
    ...(clientTlsCert.length > 0
      ? { requestCert: true, rejectUnauthorized: true, ca: Buffer.from(clientTlsCert) }
      : {}),
  };
}
