import type { ConnectRouter, Interceptor, ServiceImpl } from "@connectrpc/connect";
import { EchoService } from "../gen/testing/v1/echo_pb.ts";

// What the README's snippets take for granted: a service of the reader's own.

const yourService: Partial<ServiceImpl<typeof EchoService>> = {
  unary: ({ text }) => ({ text }),
};

Object.assign(globalThis, {
  authenticate: ((next) => (request) => next(request)) as Interceptor,
  eventsUntil: async function* () {},
  routes: (router: ConnectRouter) => router.service(EchoService, yourService),
  yourService,
  YourService: EchoService,
});
