import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { createOriginCheck, type OriginCheck } from "../browser/origin-check.ts";
import type { CallRequest } from "../calls/call-request.ts";
import type { Routing } from "../calls/routing.ts";
import type { LeanPath } from "../lean/lean-path.ts";
import type { Listener } from "../listener/listener.ts";
import { createPeerKeepAlive } from "../listener/peer-keep-alive.ts";
import { refuseUpgrade } from "./refuse-upgrade.ts";
import { createCallDispatcher, isEncrypted } from "./tunnel-calls.ts";
import { tunnelProtocol, windowBytes } from "./tunnel-frames.ts";
import { serveTunnelSocket, type TunnelSocketOptions } from "./tunnel-socket.ts";
import type { TunnelStream } from "./tunnel-stream.ts";
import { createUniversalService } from "./universal-service.ts";

/** Options for {@link createWebSocketTunnel}. */
export interface WebSocketTunnelOptions {
  /** What closes the tunnel, and its sockets that carry no call, when it closes. */
  readonly listener: Pick<Listener, "closing">;
  /** What is known of an upgrade request; `ofUpgrade` of `createCallRequests`. */
  readonly requestOf: (request: IncomingMessage, stream: TunnelStream) => CallRequest;
  /** Serves the calls that it takes; without it all calls take the stock path. */
  readonly leanPath?: Pick<LeanPath, "serve"> | undefined;
  /**
   * Tells which pages may open a tunnel: `isAllowed` of `createCors`, for one rule for
   * all calls. Default: pages of the same origin and of localhost.
   */
  readonly isAllowed?: OriginCheck;
  /** What stands before the service in the path: "/api" for example. Default: nothing. */
  readonly prefix?: string;
  /** How many sockets may be open at a time; more are refused with 503. Default 10_000. */
  readonly maxSockets?: number;
  /** How long the first frame of a socket may take to arrive. Default 10_000. */
  readonly firstFrameTimeoutMs?: number;
  /** How large the first frame may be, in bytes. Default 16_384. */
  readonly maxHeaderBytes?: number;
  /**
   * How long a client may be silent before it is sent a ping. Default 30_000; 0 turns
   * pings off. Browsers answer by themselves.
   */
  readonly pingIntervalMs?: number;
  /** How long a ping may stay unanswered before the socket is destroyed. Default 10_000. */
  readonly pingTimeoutMs?: number;
}

/** Calls over WebSockets, one each. */
export interface WebSocketTunnel {
  /**
   * Takes every upgrade request of a server:
   * `app.server.on("upgrade", tunnel.handleUpgrade)`. One that is not for the tunnel is
   * refused.
   */
  readonly handleUpgrade: UpgradeHandler<void>;
  /**
   * Takes an upgrade request when it names the tunnel's subprotocol, whatever becomes of
   * it. False when it does not: then it is for another WebSocket library.
   */
  readonly serveUpgrade: UpgradeHandler<boolean>;
  /** Sockets that are open. */
  readonly socketCount: number;
}

/** A listener for the event "upgrade" of `node:http`. */
export type UpgradeHandler<T> = (request: IncomingMessage, socket: Duplex, head: Buffer) => T;

/** How long a client may take to close its side of a socket. */
const closeTimeoutMs = 5_000;
/** Far more TCP segments than a frame of a window's size needs. */
const maxBufferedChunks = 4_096;

/**
 * Creates the WebSocket tunnel: calls of all four kinds from browsers, full duplex, which
 * fetch cannot do. One call takes one socket (https://www.rfc-editor.org/rfc/rfc6455); its
 * wire form is described in `websocket-tunnel.md`. `@parley/browser` is a client.
 *
 * Calls are served by the lean path where it takes them, else by Connect's own handlers, by
 * Connect and gRPC-Web, with all that the routing has: a handler cannot
 * tell the difference. Pages of origins that may not call are refused, as browsers let any
 * page open a WebSocket.
 *
 * What clients take up is limited: no more than a window of 256 KiB waits to be read of a
 * call, a socket that sends no request or breaks a rule is closed, and so is one whose
 * client is gone.
 */
export function createWebSocketTunnel(
  routing: Routing,
  options: WebSocketTunnelOptions,
): WebSocketTunnel {
  const {
    listener,
    leanPath,
    isAllowed = createOriginCheck(),
    requestOf,
    prefix = "",
    maxSockets = 10_000,
    firstFrameTimeoutMs = 10_000,
    maxHeaderBytes = 16_384,
    pingIntervalMs = 30_000,
    pingTimeoutMs = 10_000,
  } = options;
  const { aliases, onError } = routing;
  const sockets = new Set<WebSocket>();
  const waiting = new Set<WebSocket>();
  const socketOptions: TunnelSocketOptions = {
    sockets,
    waiting,
    keepAlive: createPeerKeepAlive({ pingIntervalMs, pingTimeoutMs }),
    firstFrameTimeoutMs,
    maxHeaderBytes,
    serveCall: createCallDispatcher({
      leanPath,
      stockPath: createUniversalService(routing),
      aliases,
      prefix,
      requestOf,
    }),
    onError,
  };
  const webSocketServer = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    // A frame counts as a whole, so none can be larger than what may be sent.
    maxPayload: windowBytes,
    maxBufferedChunks,
    maxFragments: maxBufferedChunks,
    handleProtocols: () => tunnelProtocol,
    // Its types do not have it yet.
    ...{ closeTimeout: closeTimeoutMs },
  });
  listener.closing.addEventListener("abort", () => {
    for (const webSocket of waiting) {
      webSocket.close(1001, "the server goes away");
    }
  });

  function serveUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (!offersTunnel(request)) {
      return false;
    }
    const { headers } = request;
    if (!isAllowed(headers, isEncrypted(socket))) {
      refuseUpgrade(socket, 403, `pages of ${headers.origin} may not call`);
    } else if (!headers.host || !URL.canParse(`http://${headers.host}`)) {
      refuseUpgrade(socket, 400, "the Host header names no host");
    } else if (!request.url?.startsWith(`${prefix}/`)) {
      refuseUpgrade(socket, 404, `services are below ${prefix}/`);
    } else if (sockets.size >= maxSockets || listener.closing.aborted) {
      refuseUpgrade(socket, 503, "the server takes no more WebSockets");
    } else {
      webSocketServer.handleUpgrade(request, socket, head, (webSocket) =>
        serveTunnelSocket(webSocket, request, socket as Socket, socketOptions),
      );
    }
    return true;
  }

  return {
    serveUpgrade,
    handleUpgrade(request, socket, head) {
      if (!serveUpgrade(request, socket, head)) {
        refuseUpgrade(socket, 400, `a WebSocket must offer the subprotocol ${tunnelProtocol}`);
      }
    },
    get socketCount() {
      return sockets.size;
    },
  };
}

function offersTunnel({ headers }: IncomingMessage): boolean {
  const offered = headers["sec-websocket-protocol"]?.split(",") ?? [];
  return offered.some((protocol) => protocol.trim() === tunnelProtocol);
}
