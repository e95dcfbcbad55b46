import type { Http2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type {
  ConnectRouter,
  ConnectRouterOptions,
  Interceptor,
  ServiceImpl,
} from "@connectrpc/connect";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import { type FastifyHttp2Options, type FastifyInstance, fastify } from "fastify";
import { requestContext } from "../calls/request-context.ts";
import { EchoService } from "../gen/testing/v1/echo_pb.ts";
import { createLeanPath, type LeanPathOptions } from "../lean/lean-path.ts";
import { createListener, type Listener, type ListenerOptions } from "../listener/listener.ts";
import {
  createWebSocketTunnel,
  type WebSocketTunnel,
  type WebSocketTunnelOptions,
} from "../tunnel/websocket-tunnel.ts";

export type EchoImplementation = Partial<ServiceImpl<typeof EchoService>>;

export interface EchoServerOptions {
  readonly listen?: ListenerOptions;
  readonly listener?: Listener;
  /** In place of the handlers that echo. */
  readonly handlers?: EchoImplementation;
  readonly interceptors?: Interceptor[];
  readonly routes?: (router: ConnectRouter) => void;
  readonly fastify?: Partial<FastifyHttp2Options<Http2Server>>;
  readonly configure?: (app: FastifyInstance<Http2Server>) => void;
  /** Default: one that is free. */
  readonly port?: number;
  /** Serves common calls on the lean path, with these limits. Default: none are. */
  readonly leanPath?: Pick<LeanPathOptions, "readMaxBytes" | "bodyTimeoutMs">;
  /** Limits of Connect's plugin. */
  readonly plugin?: Pick<ConnectRouterOptions, "readMaxBytes" | "acceptCompression">;
  /** Serves calls over WebSockets too, with these options. Default: none are. */
  readonly tunnel?: Partial<WebSocketTunnelOptions>;
}

export interface EchoServer {
  readonly app: FastifyInstance<Http2Server>;
  readonly listener: Listener;
  readonly port: number;
  readonly url: string;
  /** There when the options have one. */
  readonly tunnel: WebSocketTunnel | undefined;
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

/** An echo service behind a listener on loopback, gone when the test ends. */
export async function startEchoServer(
  t: Pick<TestContext, "after">,
  options: EchoServerOptions = {},
): Promise<EchoServer> {
  const routes = (router: ConnectRouter) => {
    router.service(EchoService, { ...echo, ...options.handlers });
    options.routes?.(router);
  };
  const interceptors = options.interceptors ?? [];
  const leanPath =
    options.leanPath && createLeanPath({ ...options.leanPath, routes, interceptors });
  const listener =
    options.listener ??
    createListener({
      ...options.listen,
      ...(leanPath && { serveStream: leanPath.serveStream }),
    });
  const app = fastify({
    ...options.fastify,
    http2: true,
    serverFactory: listener.serverFactory,
  }) as unknown as FastifyInstance<Http2Server>;
  const tunnel =
    options.tunnel &&
    createWebSocketTunnel({ routes, interceptors, listener, leanPath, ...options.tunnel });
  if (tunnel) {
    app.server.on("upgrade", tunnel.handleUpgrade);
  }
  options.configure?.(app);
  await app.register(fastifyConnectPlugin, {
    interceptors,
    contextValues: requestContext,
    ...options.plugin,
    routes,
  });
  await app.listen({ host: "127.0.0.1", port: options.port ?? 0 });
  t.after(async () => {
    await listener.close({ timeoutMs: 0 });
    await app.close();
  });
  const { port } = app.server.address() as AddressInfo;
  return {
    app,
    listener,
    port,
    tunnel,
    url: `${options.listen?.tls ? "https" : "http"}://127.0.0.1:${port}`,
  };
}
