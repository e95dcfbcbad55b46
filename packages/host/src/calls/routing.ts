import type { DescMethod, DescService, Message } from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  type ConnectRouterOptions,
  createConnectRouter,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { compressionBrotli, compressionGzip } from "@connectrpc/connect-node";
import { CallMemory, type CallMemoryOptions } from "../limits/call-memory.ts";
import { limitDecompression } from "../limits/limit-decompression.ts";
import { createStockInterceptor, openRequestGate, serveStock } from "../stock/stock-path.ts";
import type { CallObserver } from "./call.ts";
import { CallRegistry } from "./call-registry.ts";

/**
 * Options for {@link createRouting}: those of Connect's router, which hold on every path, and
 * the host's own.
 */
export interface RoutingOptions extends ConnectRouterOptions {
  /** Registers the services, as Connect's plugins have it. */
  readonly routes: (router: ConnectRouter, context: RouteContext) => void;
  /**
   * Called for each message that a caller sends, before interceptors and handlers see it. A
   * ConnectError that it throws ends the call; messages that came before are handled first.
   */
  readonly validate?: MessageValidator | undefined;
  /** Told of every call. */
  readonly observers?: readonly CallObserver[];
  /**
   * How long the request of a call that takes one message (unary, server streaming) may
   * take to arrive whole before the call ends with DEADLINE_EXCEEDED. Default 120_000;
   * 0 for no limit. Calls that take a stream of messages have none: they may be quiet.
   */
  readonly bodyTimeoutMs?: number;
  /**
   * How many values a message of JSON may have: with more it is refused with
   * RESOURCE_EXHAUSTED before it is parsed, which could take seconds. Default 100_000.
   */
  readonly maxJsonValues?: number;
  /** Bounds of what calls hold in memory because their callers are slow. */
  readonly memory?: CallMemoryOptions;
  /** Other full names that services are called by, and the names that they go to. */
  readonly aliases?: Readonly<Record<string, string>> | undefined;
  /** Told of what neither a caller nor a handler can be told. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** What handlers may want to know of what serves them. */
export interface RouteContext {
  /**
   * Aborts when the server begins to drain: see `Drain.signal`. A streaming handler that
   * knows it sends what it still has, then throws the reason.
   */
  readonly draining: AbortSignal;
}

/**
 * Checks a message that a caller sends; throws a ConnectError for one that may not be.
 *
 * @param index - counts the messages of the call, from 0
 */
export type MessageValidator = (method: DescMethod, message: Message, index: number) => void;

/** A method with all that holds for its calls. */
export interface RoutedMethod {
  readonly method: DescMethod;
  /** As services and `rpc` of Connect's router take it. */
  readonly implementation: (input: unknown, context: HandlerContext) => unknown;
  /** Those of the host, overridden by those that its service was registered with. */
  readonly options: ResolvedOptions;
}

/** Options of one service or method, none left open. */
export interface ResolvedOptions extends ConnectRouterOptions {
  readonly readMaxBytes: number;
  readonly writeMaxBytes: number;
  readonly maxTimeoutMs: number;
  readonly interceptors: NonNullable<ConnectRouterOptions["interceptors"]>;
}

/**
 * The services of a host, with one set of interceptors, limits and observers for all that
 * serves their calls: Connect's plugin, the lean path and the WebSocket tunnel are made from
 * it, so that none can have less than the others.
 */
export interface Routing {
  /** Every service that was registered, in order, each once. */
  readonly services: readonly DescService[];
  /** Every method that has an implementation. */
  readonly methods: readonly RoutedMethod[];
  /** Connect's handlers of all methods, which serve what the lean path does not. */
  readonly handlers: readonly UniversalHandler[];
  /**
   * For Connect's plugins: `app.register(fastifyConnectPlugin, { routes: routing.routes })`.
   * All other options are part of the routing already.
   */
  readonly routes: (router: ConnectRouter) => void;
  readonly calls: CallRegistry;
  readonly memory: CallMemory;
  readonly aliases: Readonly<Record<string, string>>;
  readonly validate: MessageValidator | undefined;
  readonly bodyTimeoutMs: number;
  readonly onError: (error: unknown) => void;
}

/** As gRPC servers have it. */
const defaultMaxMessageBytes = 4 * 1024 * 1024;

/**
 * Creates the routing of a host. Messages are limited to 4 MiB unless the options say
 * otherwise; requests compressed with gzip and brotli are taken, a few at a time. Fields that
 * the contract does not have are dropped, unless `binaryOptions` say otherwise.
 *
 * @throws ConnectError for limits that cannot be, and when all protocols are switched off.
 */
export function createRouting(options: RoutingOptions): Routing {
  const { routes, validate, observers = [], aliases = {}, bodyTimeoutMs = 120_000 } = options;
  const { maxJsonValues = 100_000, onError = () => {} } = options;
  const calls = new CallRegistry({ observers, onError });
  const memory = new CallMemory(options.memory);
  const base = resolve(pickConnectOptions(options), {
    readMaxBytes: defaultMaxMessageBytes,
    writeMaxBytes: defaultMaxMessageBytes,
    maxTimeoutMs: Number.MAX_SAFE_INTEGER,
    interceptors: [],
    // Each field that nobody knows would be kept as an object of its own, of which a message
    // can have millions.
    binaryOptions: { readUnknownFields: false },
    acceptCompression: limitDecompression([compressionGzip, compressionBrotli], { maxJsonValues }),
  });
  const services = new Set<DescService>();
  const methods: RoutedMethod[] = [];
  const stock = createConnectRouter();
  const stockInterceptor = createStockInterceptor();
  const handlers: UniversalHandler[] = [];

  /** Has Connect make the handlers, whose calls begin and end as all do. */
  function addHandlers(resolved: ResolvedOptions, add: (options: ConnectRouterOptions) => void) {
    add({
      ...resolved,
      interceptors: [stockInterceptor, ...resolved.interceptors],
      requestGate: openRequestGate(resolved.requestGate),
    });
    const { maxTimeoutMs } = resolved;
    const limits = { bodyTimeoutMs, maxJsonValues, maxTimeoutMs };
    const options = { ...limits, calls, memory, validate };
    handlers.push(...stock.handlers.splice(0).map((handler) => serveStock(handler, options)));
  }

  // What routes see of a router: it takes services, and single methods.
  const router = {
    handlers,
    service(service: DescService, implementation: Record<string, unknown>, own = {}) {
      const resolved = resolve(own, base);
      services.add(service);
      for (const method of service.methods) {
        const run = implementation[method.localName];
        if (typeof run === "function") {
          methods.push({ method, implementation: run.bind(implementation), options: resolved });
        }
      }
      addHandlers(resolved, (options) =>
        stock.service(service, implementation as Partial<ServiceImpl<DescService>>, options),
      );
      return router as ConnectRouter;
    },
    rpc(method: DescMethod, run: RoutedMethod["implementation"], own = {}) {
      const resolved = resolve(own, base);
      services.add(method.parent);
      methods.push({ method, implementation: run, options: resolved });
      addHandlers(resolved, (options) => stock.rpc(method, run as never, options));
      return router as ConnectRouter;
    },
  } as ConnectRouter;
  routes(router, { draining: calls.draining });

  return {
    services: [...services],
    methods,
    handlers,
    routes: (plugin) => {
      plugin.handlers.push(...handlers);
    },
    calls,
    memory,
    aliases,
    validate,
    bodyTimeoutMs,
    onError,
  };
}

function pickConnectOptions(options: RoutingOptions): ConnectRouterOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([name]) => connectOptionNames.has(name)),
  );
}

/** What Connect's router knows, all of which holds on every path. */
const connectOptionNames = new Set<string>([
  "acceptCompression",
  "binaryOptions",
  "compressMinBytes",
  "connect",
  "grpc",
  "grpcWeb",
  "interceptors",
  "jsonOptions",
  "maxTimeoutMs",
  "readMaxBytes",
  "requestGate",
  "requireConnectProtocolHeader",
  "shutdownSignal",
  "writeMaxBytes",
] satisfies (keyof ConnectRouterOptions)[]);

/**
 * What is set wins; what is undefined does not count. A protocol that the host has switched
 * off stays off for a service with options of its own, which Connect's router forgets.
 */
function resolve(own: ConnectRouterOptions, base: ResolvedOptions): ResolvedOptions {
  const set = Object.entries(own).filter(([, value]) => value !== undefined);
  for (const [name] of set) {
    if (!connectOptionNames.has(name)) {
      throw new TypeError(`the option "${name}" of a service is not known to every path`);
    }
  }
  const resolved: ResolvedOptions = { ...base, ...Object.fromEntries(set) };
  return own.acceptCompression
    ? { ...resolved, acceptCompression: limitDecompression(own.acceptCompression) }
    : resolved;
}
