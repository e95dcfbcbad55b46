import { createHost, type Host, type HostOptions } from "@parley/host";
import { ChatService } from "@parley/proto/chat/v1";
import { file_google_rpc_error_details } from "@parley/proto/google/rpc/error_details";
import { createChatService } from "./chat/chat-service.ts";
import { createMessageValidator } from "./chat/message-validator.ts";
import { ServerDrain } from "./chat/server-drain.ts";
import type { MessageLog } from "./log/message-log.ts";
import { Rooms, type RoomsOptions } from "./rooms/rooms.ts";
import { Metrics } from "./telemetry/metrics.ts";
import { MetricsSampler } from "./telemetry/metrics-sampler.ts";
import { registerServerMetrics } from "./telemetry/prometheus.ts";
import { serveWebApp } from "./web/web-app.ts";

/** Options for {@link buildServer}. */
export interface ServerOptions extends RoomsOptions {
  /** Where rooms are kept; the caller closes it after the server. */
  readonly log: MessageLog;
  /** Labels the metrics of this server. */
  readonly instanceId: string;
  /** How long calls in flight may take to end when the server drains. Default 10,000. */
  readonly drainTimeoutMs?: number;
  readonly tls?: HostOptions["tls"];
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
  readonly logger?: HostOptions["logger"];
  /** Whether the server ends with its process: see the host's option. Default false. */
  readonly processEvents?: boolean;
  /** Called when the server has drained and closed. */
  readonly onClosed?: () => Promise<void>;
}

/** The largest message, in bytes on the wire. */
export const maxMessageBytes: number = 10 * 1024 * 1024;

/** The package of the contract that chat.v1 is a superset of. */
const originalServiceName = "chat.ChatService";

/** What pages could send to that service, and read from it, through its proxy. */
const originalHeaders = ["custom-header-1"];

/** Builds the service from its parts; nothing of it listens yet. */
export function buildServer(options: ServerOptions): Host {
  const { log } = options;
  const rooms = new Rooms(log, options);
  const metrics = new Metrics(() => rooms.subscriptionCount);
  const sampler = new MetricsSampler({
    instanceId: options.instanceId,
    metrics,
    callCounts: () => host.callMetrics?.counts() ?? [],
  });
  const host = createHost({
    routes(router, { draining }) {
      const drain = new ServerDrain(draining);
      const context = { log, rooms, metrics, sampler, drain };
      router.service(ChatService, createChatService(context));
    },
    validate: createMessageValidator(),
    aliases: { [originalServiceName]: ChatService.typeName },
    limits: { readMaxBytes: maxMessageBytes, writeMaxBytes: maxMessageBytes },
    // Compressing a message for each of its readers would cost more than all else.
    compressMinBytes: maxMessageBytes,
    // Nothing in the contract refers to the error details: clients find them by name.
    reflection: { files: [file_google_rpc_error_details] },
    cors: {
      origins: options.corsOrigins,
      allowedHeaders: originalHeaders,
      exposedHeaders: originalHeaders,
    },
    tls: options.tls,
    leanPath: options.leanPath ?? true,
    drain: { timeoutMs: options.drainTimeoutMs },
    logger: options.logger ?? false,
    processEvents: options.processEvents ?? false,
    onClosed: async () => {
      rooms.close();
      await options.onClosed?.();
    },
  });
  registerServerMetrics(host, metrics);
  if (options.webFolder !== undefined) {
    host.app.register(serveWebApp, {
      folder: options.webFolder,
      isEncrypted: options.tls !== undefined,
    });
  }
  return host;
}
