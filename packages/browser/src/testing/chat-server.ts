import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import type { ConnectRouter, Interceptor, ServiceImpl } from "@connectrpc/connect";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import { createCors } from "@parley/host/cors";
import { createDrain, type Drain } from "@parley/host/drain";
import { createLeanPath } from "@parley/host/lean-path";
import { createListener, type ListenerOptions } from "@parley/host/listener";
import { createWebSocketTunnel, type WebSocketTunnel } from "@parley/host/websocket-tunnel";
import { ChatService } from "@parley/proto/chat/v1";
import { type FastifyInstance, fastify } from "fastify";

export type ChatImplementation = Partial<ServiceImpl<typeof ChatService>>;

export interface ChatServerOptions {
  readonly handlers: ChatImplementation;
  /** Whether calls over the tunnel take the lean path where they can. Default true. */
  readonly leanPath?: boolean;
  readonly tls?: ListenerOptions["tls"];
  readonly interceptors?: Interceptor[];
  readonly readMaxBytes?: number;
  readonly configure?: (app: FastifyInstance) => void;
}

export interface ChatServer {
  readonly url: string;
  readonly tunnel: WebSocketTunnel;
  readonly drain: Drain;
  /** Destroys all connections and stops listening. */
  kill(): Promise<void>;
}

/** A service with the chat's contract on loopback, gone when the test ends. */
export async function startChatServer(
  t: Pick<TestContext, "after">,
  options: ChatServerOptions,
): Promise<ChatServer> {
  const listener = createListener(options.tls ? { tls: options.tls } : {});
  const drain = createDrain({ listener, timeoutMs: 2_000 });
  const cors = createCors({
    allowedHeaders: ["x-question"],
    exposedHeaders: ["x-answer", "trailer-x-end"],
  });
  const app = fastify({
    http2: true,
    serverFactory: listener.serverFactory,
  }) as unknown as FastifyInstance;
  const connectOptions = {
    interceptors: [...(options.interceptors ?? []), drain.interceptor],
    ...(options.readMaxBytes && { readMaxBytes: options.readMaxBytes }),
    routes: (router: ConnectRouter) => router.service(ChatService, options.handlers),
  };
  const tunnel = createWebSocketTunnel({
    ...connectOptions,
    listener,
    isAllowed: cors.isAllowed,
    leanPath: options.leanPath === false ? undefined : createLeanPath(connectOptions),
  });
  app.server.on("upgrade", tunnel.handleUpgrade);
  app.addHook("onRequest", cors.hook);
  options.configure?.(app);
  await app.register(fastifyConnectPlugin, connectOptions);
  await app.listen({ host: "127.0.0.1", port: 0 });
  const kill = async () => {
    await listener.close({ timeoutMs: 0 });
    await app.close();
  };
  t.after(kill);
  const { port } = app.server.address() as AddressInfo;
  return { url: `${options.tls ? "https" : "http"}://127.0.0.1:${port}`, tunnel, drain, kill };
}
