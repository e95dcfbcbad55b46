import type { DescService } from "@bufbuild/protobuf";
import type { ConnectRouter, ConnectRouterOptions, ServiceImpl } from "@connectrpc/connect";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import { createCors } from "@parley/host/cors";
import { createDrain, type Drain } from "@parley/host/drain";
import { grpcWebTextHook } from "@parley/host/grpc-web-text";
import { createHealth } from "@parley/host/health";
import { createLeanPath } from "@parley/host/lean-path";
import { createListener, type ListenerOptions } from "@parley/host/listener";
import { reflectionRoutes } from "@parley/host/reflection";
import { unimplementedHandler } from "@parley/host/unimplemented";
import { type FastifyInstance, fastify } from "fastify";

/** The parts of the hosting that can be left out, to find the one that a failure is due to. */
export const optionalParts = [
  "cors",
  "drain",
  "grpc-web-text",
  "lean-path",
  "reflection",
  "unimplemented",
] as const;

/** One of {@link optionalParts}. */
export type OptionalPart = (typeof optionalParts)[number];

/** Options for {@link createHosting}. */
export interface HostingOptions<Service extends DescService> {
  readonly service: Service;
  readonly implementation: Partial<ServiceImpl<Service>>;
  readonly tls?: NonNullable<ListenerOptions["tls"]> | undefined;
  /** Passed to Connect's router. */
  readonly router?: Pick<ConnectRouterOptions, "readMaxBytes" | "compressMinBytes" | "jsonOptions">;
  /** Parts to leave out. Default: none. */
  readonly without?: readonly OptionalPart[];
}

/** A service on the hosting under test. */
export interface Hosting {
  /** Call `listen` on it. */
  readonly app: FastifyInstance;
  /** The number of calls in flight is what a test may look at. */
  readonly drain: Drain;
  /**
   * Drains and closes the server when its clients have no call open any more. Resolves
   * with false when the server held on to one, or to a connection, until it was destroyed.
   */
  end(): Promise<boolean>;
}

// Less than the conformance runner waits for a server to end.
const drainTimeoutMs = 4_000;

/**
 * Hosts one service the way `apps/server` does: the listener with the lean path, and
 * Fastify with Connect's plugin, health, reflection, the drain, CORS, grpc-web-text and the
 * handler of unknown methods.
 */
export function createHosting<Service extends DescService>(
  options: HostingOptions<Service>,
): Hosting {
  const { service, implementation, tls, router: routerOptions = {}, without = [] } = options;
  const has = (part: OptionalPart) => !without.includes(part);
  const health = createHealth({ services: [service] });
  const listener = createListener({
    ...(tls ? { tls } : {}),
    serveStream: (stream, headers) => leanPath?.serveStream(stream, headers) ?? false,
  });
  const drain = createDrain({ listener, health, timeoutMs: drainTimeoutMs });
  const connectOptions = {
    ...routerOptions,
    interceptors: has("drain") ? [drain.interceptor] : [],
    routes(router: ConnectRouter) {
      router.service(service, implementation);
      health.routes(router);
      if (has("reflection")) {
        reflectionRoutes([service, health.service])(router);
      }
    },
  };
  const leanPath = has("lean-path") ? createLeanPath(connectOptions) : undefined;

  const app = fastify({ http2: true, serverFactory: listener.serverFactory });
  if (has("cors")) {
    app.addHook("onRequest", createCors().hook);
  }
  if (has("grpc-web-text")) {
    app.addHook("onRequest", grpcWebTextHook);
  }
  app.register(fastifyConnectPlugin, connectOptions);
  if (has("unimplemented")) {
    app.setNotFoundHandler(unimplementedHandler);
  }
  return {
    app: app as unknown as FastifyInstance,
    drain,
    async end() {
      const start = performance.now();
      await drain.run();
      await app.close();
      // Half of the time is when a drain begins to end calls by force.
      return performance.now() - start < drainTimeoutMs / 2;
    },
  };
}

/** Reads the values of a command's `--without` flags; throws for a part that there is not. */
export function parseParts(names: readonly string[]): OptionalPart[] {
  return names.map((name) => {
    const part = optionalParts.find((candidate) => candidate === name);
    if (part === undefined) {
      throw new Error(`--without ${name}: not one of ${optionalParts.join(", ")}`);
    }
    return part;
  });
}
