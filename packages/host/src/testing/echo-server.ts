import type { Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { ConnectRouter, ConnectRouterOptions, ServiceImpl } from "@connectrpc/connect";
import type { FastifyInstance } from "fastify";
import { EchoService } from "../gen/testing/v1/echo_pb.ts";
import { createHost, type Host, type HostOptions } from "../host.ts";

export type EchoImplementation = Partial<ServiceImpl<typeof EchoService>>;

/** The host's own, and what an echo server has beside them. */
export interface EchoServerOptions extends Omit<HostOptions, "routes"> {
  /** In place of the handlers that echo. */
  readonly handlers?: EchoImplementation | ((host: () => Host) => EchoImplementation);
  /** The third argument of `router.service`. */
  readonly serviceOptions?: ConnectRouterOptions;
  /** Whether there is the echo service at all. */
  readonly service?: boolean;
  /** Routes beside those of the echo service. */
  readonly routes?: (router: ConnectRouter) => void;
  readonly configure?: (app: FastifyInstance<Http2Server>) => void;
  /** Default: one that is free. */
  readonly port?: number;
}

export interface EchoServer extends Host {
  readonly port: number;
  readonly url: string;
}

const echo: EchoImplementation = {
  unary: ({ text }) => ({ text }),
  async *serverStream({ text, repeat }) {
    for (let index = 0; index < repeat; index++) {
      yield { text };
    }
  },
  async clientStream(requests) {
    let text = "";
    for await (const request of requests) {
      text += request.text;
    }
    return { text };
  },
  async *bidiStream(requests) {
    for await (const { text } of requests) {
      yield { text };
    }
  },
};

/** A host of an echo service, not listening. */
export function createEchoHost({
  handlers,
  serviceOptions,
  service = true,
  routes,
  ...options
}: EchoServerOptions = {}): Host {
  const own = typeof handlers === "function" ? handlers(() => host) : handlers;
  const host: Host = createHost({
    logger: false,
    processEvents: false,
    ...options,
    routes(router) {
      if (service) {
        router.service(EchoService, { ...echo, ...own }, serviceOptions);
      }
      routes?.(router);
    },
  });
  return host;
}

/** An echo service on loopback, gone when the test ends. */
export async function startEchoServer(
  t: Pick<TestContext, "after">,
  { configure, port, ...options }: EchoServerOptions = {},
): Promise<EchoServer> {
  const host = createEchoHost(options);
  configure?.(host.app);
  await host.listen({ host: "127.0.0.1", port: port ?? 0 });
  t.after(async () => {
    await host.listener.close({ timeoutMs: 0 });
    await host.app.close();
  });
  const address = host.app.server.address() as AddressInfo;
  return {
    ...host,
    port: address.port,
    url: `${options.tls ? "https" : "http"}://127.0.0.1:${address.port}`,
  };
}
