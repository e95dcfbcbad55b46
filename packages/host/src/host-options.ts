import type { Http2Server } from "node:http2";
import type { DescFile } from "@bufbuild/protobuf";
import type { FastifyBaseLogger, FastifyHttp2Options } from "fastify";
import type { Registry } from "prom-client";
import type { CorsOptions } from "./browser/cors.ts";
import type { DrainOptions } from "./calls/drain.ts";
import type { RoutingOptions } from "./calls/routing.ts";
import type { ListenerOptions } from "./listener/listener.ts";
import type { HealthOptions } from "./services/health.ts";
import type { WebSocketTunnelOptions } from "./tunnel/websocket-tunnel.ts";

type FastifyOptions = Partial<FastifyHttp2Options<Http2Server, FastifyBaseLogger>>;

/** Limits of what clients can take up before a call begins, and of WebSockets. */
export type HostLimits = Omit<ListenerOptions, "tls" | "serveStream" | "onError"> &
  Pick<WebSocketTunnelOptions, "maxSockets" | "firstFrameTimeoutMs"> &
  Pick<
    RoutingOptions,
    "readMaxBytes" | "writeMaxBytes" | "maxTimeoutMs" | "bodyTimeoutMs" | "maxJsonValues" | "memory"
  >;

/**
 * Options for `createHost`. What is left out is on, with defaults for a port that faces the
 * world; `false` switches a part off.
 */
export interface HostOptions extends Omit<RoutingOptions, "onError"> {
  /** Serves TLS with these options of `node:tls`, `key` and `cert` above all. Default: none. */
  readonly tls?: ListenerOptions["tls"] | undefined;
  /** See {@link HostLimits}. What stands here wins over the same option beside it. */
  readonly limits?: HostLimits;
  /** Which pages may call; those of localhost unless told. */
  readonly cors?: CorsOptions | false;
  /** Whether common calls are served from their HTTP/2 stream itself. */
  readonly leanPath?: boolean;
  /** Calls over WebSockets. */
  readonly tunnel?: Pick<WebSocketTunnelOptions, "prefix"> | false;
  /** Whether Google's `grpc-web` client may call in text. */
  readonly grpcWebText?: boolean;
  /** `grpc.health.v1.Health`, in which every service of the routes serves from the start. */
  readonly health?: HealthOptions | false;
  /** Server reflection, which lists every service of the routes. */
  readonly reflection?: { readonly files?: readonly DescFile[] } | false;
  /** Whether unknown methods are answered in the protocol of their caller. */
  readonly unimplemented?: boolean;
  /**
   * Counts calls for Prometheus, with what Node measures of itself, and serves them at
   * /metrics, or another path.
   */
  readonly metrics?: { readonly registry?: Registry; readonly path?: string } | false;
  /** Whether calls are traced, when an OpenTelemetry SDK is registered. */
  readonly tracing?: boolean;
  /** Whether calls are logged. */
  readonly callLog?: boolean;
  /** How the host drains. */
  readonly drain?: Pick<DrainOptions, "timeoutMs" | "streamTimeoutMs" | "retryDelayMs">;
  /**
   * Whether `listen` makes the host end with its process: SIGTERM and SIGINT drain it, a
   * second one ends the process at once, and an error that nobody handles is logged and
   * drains it, with exit code 1.
   */
  readonly processEvents?: boolean;
  /**
   * Told of connections that failed: a TLS handshake, an HTTP/2 session. Most of them are
   * clients that went away. Default: they are logged at the level "debug".
   */
  readonly onConnectionError?: (error: Error) => void;
  /** Called when the host has drained and closed, before its process ends. */
  readonly onClosed?: () => void | Promise<void>;
  /** Fastify's option. Default true: JSON on standard output. */
  readonly logger?: FastifyOptions["logger"];
  /** Fastify's other options. */
  readonly fastify?: Omit<FastifyOptions, "http2" | "serverFactory" | "logger" | "rewriteUrl">;
}
