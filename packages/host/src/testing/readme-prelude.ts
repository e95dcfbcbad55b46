import type { ConnectRouter, ServiceImpl } from "@connectrpc/connect";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import { fastify } from "fastify";
import { createDrain } from "../calls/drain.ts";
import { EchoService } from "../gen/testing/v1/echo_pb.ts";
import { createListener } from "../listener/listener.ts";

// What the README's snippets take for granted: an application like that of its example,
// and a service of the reader's own.

const listener = createListener();
const yourService: Partial<ServiceImpl<typeof EchoService>> = {
  unary: ({ text }) => ({ text }),
};

Object.assign(globalThis, {
  app: fastify({ http2: true, serverFactory: listener.serverFactory }),
  drain: createDrain({ listener }),
  fastify,
  fastifyConnectPlugin,
  listener,
  routes: (router: ConnectRouter) => router.service(EchoService, yourService),
  yourService,
  YourService: EchoService,
});
