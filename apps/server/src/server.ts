import type { Http2Server } from "node:http2";
import type { ConnectRouter } from "@connectrpc/connect";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import { createCallLog } from "@parley/host/call-log";
import { createObserverInterceptor } from "@parley/host/call-observer";
import { createTracingInterceptor } from "@parley/host/call-tracing";
import { createCors } from "@parley/host/cors";
import { createDrain, type Drain } from "@parley/host/drain";
import { grpcWebTextHook } from "@parley/host/grpc-web-text";
import { guardRequests } from "@parley/host/guard-requests";
import { createHealth } from "@parley/host/health";
import { createLeanPath } from "@parley/host/lean-path";
import { limitDecompression } from "@parley/host/limit-decompression";
import { createListener, type ListenerOptions } from "@parley/host/listener";
import { reflectionRoutes } from "@parley/host/reflection";
import { createStreamContext, requestContext } from "@parley/host/request-context";
import { rewriteServiceAliases } from "@parley/host/service-aliases";
import { unimplementedHandler } from "@parley/host/unimplemented";
import { createUpgradeContext, createWebSocketTunnel } from "@parley/host/websocket-tunnel";
import { ChatService } from "@parley/proto/chat/v1";
import { file_google_rpc_error_details } from "@parley/proto/google/rpc/error_details";
import {
  type FastifyBaseLogger,
  type FastifyHttp2Options,
  type FastifyInstance,
  fastify,
  LogController,
} from "fastify";
import { createChatService } from "./chat/chat-service.ts";
import { Ending } from "./chat/ending.ts";
import { createValidateInterceptor } from "./chat/validate-interceptor.ts";
import type { MessageLog } from "./log/message-log.ts";
import { Rooms, type RoomsOptions } from "./rooms/rooms.ts";
import { Metrics } from "./telemetry/metrics.ts";
import { createPrometheus } from "./telemetry/prometheus.ts";
import { serveWebApp } from "./web/web-app.ts";

export interface ServerOptions extends RoomsOptions {
  /** Where rooms are kept; the caller closes it after the server. */
  readonly log: MessageLog;
  /** Labels the metrics of a caller that named no instance. */
  readonly instanceId: string;
  /** How long calls in flight may take to end when the server drains. Default 10,000. */
  readonly drainTimeoutMs?: number;
  readonly tls?: NonNullable<ListenerOptions["tls"]> | undefined;
  /**
   * Origins whose pages may call, besides the server's own; "*" is any. Default:
   * localhost with any port.
   */
  readonly corsOrigins?: readonly string[] | undefined;
  /** Whether common calls are served from their HTTP/2 stream itself. Default true. */
  readonly leanPath?: boolean;
  /** Where the web app was built to; it is served at /. Default: none is. */
  readonly webFolder?: string | undefined;
  /** Fastify's logger option. Default: no logging. */
  readonly logger?: FastifyHttp2Options<Http2Server, FastifyBaseLogger>["logger"];
}

/** The service, ready to listen. */
export interface Server {
  /** Call `listen` on it. */
  readonly app: FastifyInstance;
  /** Call `run` on it to end: it closes the port, then the app is closed. */
  readonly drain: Drain;
}

/** The largest message, in bytes on the wire. */
export const maxMessageBytes: number = 10 * 1024 * 1024;

/** The package of the contract that chat.v1 is a superset of. */
const originalServiceName = "chat.ChatService";

const aliases = { [originalServiceName]: ChatService.typeName };

/** What pages could send to that service, and read from it, through its proxy. */
const originalHeaders = ["custom-header-1"];

/** Builds the service from its parts; nothing of it listens yet. */
export function buildServer(options: ServerOptions): Server {
  const { log } = options;
  const rooms = new Rooms(log, options);
  const metrics = new Metrics(() => rooms.subscriptionCount);
  const health = createHealth({ services: [ChatService, originalServiceName] });
  const listener = createListener({
    ...(options.tls ? { tls: options.tls } : {}),
    serveStream: (stream, headers) => leanPath?.serveStream(stream, headers) ?? false,
  });
  const prometheus = createPrometheus({ metrics, listener });
  const drain = createDrain({ listener, health, timeoutMs: options.drainTimeoutMs ?? 10_000 });
  const cors = createCors({
    origins: options.corsOrigins,
    allowedHeaders: originalHeaders,
    exposedHeaders: originalHeaders,
  });
  const chatService = createChatService({
    log,
    rooms,
    metrics,
    instanceId: options.instanceId,
    ending: new Ending(drain.signal),
  });

  const app = fastify({
    http2: true,
    serverFactory: listener.serverFactory,
    logger: options.logger ?? false,
    // Calls are logged by an observer, which knows how they ended.
    logController: new LogController({ disableRequestLogging: true }),
    rewriteUrl: rewriteServiceAliases(aliases),
  });
  app.addHook("onRequest", cors.hook);
  app.addHook("onRequest", grpcWebTextHook);
  const connectOptions = {
    interceptors: [
      createObserverInterceptor(createCallLog(), metrics.observer, prometheus.observer),
      createTracingInterceptor(),
      drain.interceptor,
      createValidateInterceptor(),
    ],
    readMaxBytes: maxMessageBytes,
    writeMaxBytes: maxMessageBytes,
    routes(router: ConnectRouter) {
      router.service(ChatService, chatService);
      health.routes(router);
      // Nothing in the contract refers to the error details: clients find them by name.
      reflectionRoutes([ChatService, health.service], { files: [file_google_rpc_error_details] })(
        router,
      );
    },
  };
  const leanPath =
    options.leanPath === false
      ? undefined
      : createLeanPath({
          ...connectOptions,
          aliases,
          contextValues: createStreamContext(app.log),
        });
  const compression = {
    acceptCompression: limitDecompression([compressionGzip, compressionBrotli]),
    // Compressing a message for each of its readers would cost more than all else.
    compressMinBytes: maxMessageBytes,
  };
  const tunnel = createWebSocketTunnel({
    ...connectOptions,
    ...compression,
    listener,
    leanPath,
    aliases,
    isAllowed: cors.isAllowed,
    contextValues: createUpgradeContext(app.log),
    onError: (err) => app.log.error({ err }, "a call over a WebSocket broke its handler"),
  });
  app.server.on("upgrade", tunnel.handleUpgrade);
  app.register(fastifyConnectPlugin, {
    ...connectOptions,
    ...compression,
    contextValues: requestContext,
    routes(router) {
      connectOptions.routes(router);
      guardRequests(router);
    },
  });
  app.get("/metrics", async (_, reply) => {
    reply.type(prometheus.registry.contentType);
    return prometheus.registry.metrics();
  });
  if (options.webFolder !== undefined) {
    app.register(serveWebApp, {
      folder: options.webFolder,
      isEncrypted: options.tls !== undefined,
    });
  }
  app.setNotFoundHandler(unimplementedHandler);
  app.addHook("onClose", async () => rooms.close());
  return { app: app as unknown as FastifyInstance, drain };
}
