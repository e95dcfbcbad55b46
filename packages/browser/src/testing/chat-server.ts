import type { TestContext } from "node:test";
import type { Interceptor, ServiceImpl } from "@connectrpc/connect";
import { createHost } from "@parley/host";
import type { Drain } from "@parley/host/drain";
import type { ListenerOptions } from "@parley/host/listener";
import type { WebSocketTunnel } from "@parley/host/websocket-tunnel";
import { ChatService } from "@parley/proto/chat/v1";
import type { FastifyInstance } from "fastify";

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
  const host = createHost({
    routes: (router) => router.service(ChatService, options.handlers),
    tls: options.tls,
    cors: { allowedHeaders: ["x-question"], exposedHeaders: ["x-answer", "trailer-x-end"] },
    interceptors: options.interceptors ?? [],
    limits: { ...(options.readMaxBytes && { readMaxBytes: options.readMaxBytes }) },
    leanPath: options.leanPath ?? true,
    drain: { timeoutMs: 2_000 },
    logger: false,
    processEvents: false,
  });
  options.configure?.(host.app as unknown as FastifyInstance);
  const url = await host.listen({ host: "127.0.0.1", port: 0 });
  const kill = async () => {
    await host.listener.close({ timeoutMs: 0 });
    await host.app.close();
  };
  t.after(kill);
  return { url, tunnel: host.tunnel as WebSocketTunnel, drain: host.drain, kill };
}
