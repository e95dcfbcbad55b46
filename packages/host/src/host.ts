import type { Http2Server } from "node:http2";
import type { ConnectRouter } from "@connectrpc/connect";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyListenOptions,
  fastify,
  LogController,
} from "fastify";
import { collectDefaultMetrics, Registry } from "prom-client";
import { type Cors, createCors } from "./browser/cors.ts";
import { grpcWebTextHook } from "./browser/grpc-web-text.ts";
import type { CallObserver } from "./calls/call.ts";
import { createCallLog } from "./calls/call-log.ts";
import { type CallMetrics, createCallMetrics } from "./calls/call-metrics.ts";
import { createCallRequests } from "./calls/call-request.ts";
import { createCallTracing } from "./calls/call-tracing.ts";
import { createDrain, type Drain } from "./calls/drain.ts";
import { createRouting, type RouteContext, type Routing } from "./calls/routing.ts";
import { file_google_rpc_error_details } from "./gen/google/rpc/error_details_pb.ts";
import type { HostOptions } from "./host-options.ts";
import { createLeanPath, type LeanPath } from "./lean/lean-path.ts";
import { createListener, type Listener } from "./listener/listener.ts";
import { createProcessEnd } from "./process-end.ts";
import { createHealth, type Health } from "./services/health.ts";
import { reflectionRoutes } from "./services/reflection.ts";
import { rewriteServiceAliases } from "./services/service-aliases.ts";
import { unimplementedHandler } from "./services/unimplemented.ts";
import { createFastifyContext } from "./stock/fastify-context.ts";
import { createWebSocketTunnel, type WebSocketTunnel } from "./tunnel/websocket-tunnel.ts";

export type { MessageValidator, RouteContext } from "./calls/routing.ts";
export type { HostLimits, HostOptions } from "./host-options.ts";

/** Services on one port, with all that faces the world around them. */
export interface Host {
  /** The Fastify instance, for routes and plugins of your own, and to inject requests. */
  readonly app: FastifyInstance<Http2Server>;
  readonly health: Health | undefined;
  readonly listener: Listener;
  readonly routing: Routing;
  /** Undefined when it is switched off. */
  readonly leanPath: LeanPath | undefined;
  /** Undefined when it is switched off. */
  readonly tunnel: WebSocketTunnel | undefined;
  readonly cors: Cors | undefined;
  readonly drain: Drain;
  /** What /metrics shows; register your own here. */
  readonly registry: Registry;
  /** What was counted of the calls. Undefined when metrics are switched off. */
  readonly callMetrics: CallMetrics | undefined;
  /** Listens, and returns the URL. Rejects with Node's error when it cannot. */
  listen(options: FastifyListenOptions): Promise<string>;
  /** Drains, then closes everything. Never rejects for what a client does. */
  close(): Promise<void>;
  /** Closes, then ends the process with this code: for a service that cannot go on. */
  exit(code: number): void;
}

/**
 * Creates a host for the services of the routes: gRPC, gRPC-Web (in text as well), Connect and
 * WebSockets on one port, over HTTP/1.1 and HTTP/2, cleartext or TLS. With it come health,
 * reflection, CORS, logs, metrics, tracing, limits and a drain: on by default, each can be
 * switched off. Nothing listens yet.
 *
 * Interceptors, per-service options, limits and everything else that Connect's router knows
 * hold in the same way on all paths. An option that cannot is refused with a TypeError.
 */
export function createHost(options: HostOptions): Host {
  const { tls, limits = {}, aliases } = options;
  const registry = (options.metrics || undefined)?.registry ?? new Registry();
  const health = options.health === false ? undefined : createHealth(options.health);
  const onError = (error: unknown) =>
    app.log.error({ err: error }, "an error that no caller is told");

  const callMetrics = options.metrics === false ? undefined : createCallMetrics({ registry });
  if (callMetrics) {
    collectDefaultMetrics({ register: registry });
  }
  const routing = createRouting({
    ...options,
    ...limits,
    observers: [...observersOf(options, callMetrics), ...(options.observers ?? [])],
    routes: (router, context) => addRoutes(router, context, options, health),
    onError,
  });
  for (const { typeName } of routing.services) {
    addHealthOf(health, typeName, aliases);
  }

  const listener = createListener({
    ...limits,
    ...(tls ? { tls } : {}),
    serveStream: (stream, headers) => leanPath?.serveStream(stream, headers) ?? false,
    onError:
      options.onConnectionError ??
      ((error) => app.log.debug({ err: error }, "a connection failed")),
  });
  const context = createFastifyContext();
  const app = fastify({
    ...options.fastify,
    http2: true,
    serverFactory: listener.serverFactory,
    logger: options.logger ?? true,
    // Calls are logged by an observer, which knows how they ended.
    logController: new LogController({ disableRequestLogging: true }),
    rewriteUrl: rewriteServiceAliases(aliases ?? {}),
  }) as unknown as FastifyInstance<Http2Server>;
  const requests = createCallRequests(app.log as FastifyBaseLogger);
  const leanPath =
    options.leanPath === false
      ? undefined
      : createLeanPath(routing, { requestOf: requests.ofStream });

  const cors = options.cors === false ? undefined : createCors(options.cors);
  if (cors) {
    app.addHook("onRequest", cors.hook);
  }
  if (options.grpcWebText !== false) {
    app.addHook("onRequest", grpcWebTextHook);
  }
  app.addHook("onRequest", context.hook);
  const tunnel =
    options.tunnel === false
      ? undefined
      : createWebSocketTunnel(routing, {
          ...limits,
          ...options.tunnel,
          listener,
          leanPath,
          requestOf: requests.ofUpgrade,
          ...(cors ? { isAllowed: cors.isAllowed } : {}),
        });
  if (tunnel) {
    app.server.on("upgrade", tunnel.handleUpgrade);
  }
  app.register(fastifyConnectPlugin, {
    routes: routing.routes,
    contextValues: context.contextValues,
  });
  if (options.metrics !== false) {
    app.get(options.metrics?.path ?? "/metrics", async (_, reply) => {
      reply.type(registry.contentType);
      return registry.metrics();
    });
  }
  if (options.unimplemented !== false) {
    app.setNotFoundHandler(unimplementedHandler);
  }

  const drain = createDrain({ routing, listener, health, ...options.drain });
  let closed: Promise<void> | undefined;
  async function closeAll() {
    await drain.run();
    await app.close();
    await options.onClosed?.();
  }
  function close() {
    closed ??= closeAll();
    return closed;
  }
  const processEnd = createProcessEnd(app.log as FastifyBaseLogger, close);
  return {
    ...{ app, health, listener, routing, leanPath, tunnel, cors, drain, registry, callMetrics },
    async listen(listenOptions) {
      const address = await app.listen({
        listenTextResolver: (at) => `Server listening at ${withScheme(at, tls)}`,
        ...listenOptions,
      });
      if (options.processEvents !== false) {
        processEnd.watch();
      }
      return withScheme(address, tls);
    },
    close,
    exit: processEnd.exit,
  };
}

function addRoutes(
  router: ConnectRouter,
  context: RouteContext,
  options: HostOptions,
  health: Health | undefined,
): void {
  const services = new Set<Parameters<typeof reflectionRoutes>[0][number]>();
  const recorded: ConnectRouter = {
    ...router,
    service(service, ...rest) {
      services.add(service);
      router.service(service, ...rest);
      return recorded;
    },
    rpc(method, ...rest) {
      services.add(method.parent);
      router.rpc(method, ...rest);
      return recorded;
    },
  } as ConnectRouter;
  options.routes(recorded, context);
  health?.routes(recorded);
  if (options.reflection !== false) {
    // Of what a drain sends.
    const fallbackFiles = [file_google_rpc_error_details];
    reflectionRoutes([...services], { ...options.reflection, fallbackFiles })(router);
  }
}

/** Every service of the routes serves from the start, under each of its names. */
function addHealthOf(
  health: Health | undefined,
  service: string,
  aliases: HostOptions["aliases"],
): void {
  if (service.startsWith("grpc.")) {
    return;
  }
  const names = Object.entries(aliases ?? {}).filter(([, name]) => name === service);
  for (const name of [service, ...names.map(([alias]) => alias)]) {
    if (health?.status(name) === undefined) {
      health?.setStatus(name, "SERVING");
    }
  }
}

function observersOf(options: HostOptions, callMetrics: CallObserver | undefined): CallObserver[] {
  const observers: CallObserver[] = [];
  if (options.callLog !== false) {
    observers.push(createCallLog());
  }
  if (callMetrics) {
    observers.push(callMetrics);
  }
  if (options.tracing !== false) {
    observers.push(createCallTracing());
  }
  return observers;
}

/** Fastify does not know of the listener's TLS. */
function withScheme(address: string, tls: HostOptions["tls"]): string {
  return tls ? address.replace(/^http:/, "https:") : address;
}
