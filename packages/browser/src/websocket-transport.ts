import type { Transport } from "@connectrpc/connect";
import { createTransport } from "@connectrpc/connect/protocol-connect";
import { clampTimeout, clampTimeouts } from "./clamp-timeouts.ts";
import { resolveBaseUrl, type TransportOptions } from "./transport-options.ts";
import { createTunnelClient } from "./tunnel-client.ts";
import type { WebSocketFactory } from "./websocket-like.ts";

/** Options for {@link createWebSocketTransport}. */
export interface WebSocketTransportOptions extends TransportOptions {
  /**
   * The largest message taken, in bytes; a larger one fails its call with
   * RESOURCE_EXHAUSTED. Default 4 GiB less 1, as Connect has it.
   */
  readonly readMaxBytes?: number;
  /** The largest message sent, in bytes; likewise. */
  readonly writeMaxBytes?: number;
  /**
   * Opens the WebSockets in place of the runtime's own: for the npm package `ws`, say, which
   * can be told of a certificate authority in Node.
   */
  readonly openWebSocket?: WebSocketFactory;
}

const maxMessageBytes = 0xffffffff;

/**
 * Creates a transport that speaks the Connect protocol over the WebSocket tunnel of
 * @parley/host, one socket per call. All four kinds of calls work in every browser, full
 * duplex and with back-pressure in both directions: `send` of a stream is held while the
 * server does not read, and the server while the response is not read.
 *
 * Errors are ConnectErrors. UNAVAILABLE: the server could not be reached, refused the
 * socket, or went away before the end of the response. A call that is aborted, or whose
 * deadline passes, closes its socket, which aborts the handler. As with every transport
 * of Connect, leaving the loop over a response does not end the call: abort its signal.
 *
 * Throws a TypeError for a base URL that cannot be.
 */
export function createWebSocketTransport(options: WebSocketTransportOptions = {}): Transport {
  const { useBinaryFormat = true, interceptors = [], defaultTimeoutMs } = options;
  const { readMaxBytes = maxMessageBytes, writeMaxBytes = maxMessageBytes } = options;
  const transport = createTransport({
    ...options,
    baseUrl: resolveBaseUrl(options.baseUrl),
    httpClient: createTunnelClient(options.openWebSocket),
    useBinaryFormat,
    interceptors: [...interceptors],
    ...(defaultTimeoutMs !== undefined && { defaultTimeoutMs: clampTimeout(defaultTimeoutMs) }),
    readMaxBytes,
    writeMaxBytes,
    // Browsers compress and decompress for fetch only.
    acceptCompression: [],
    sendCompression: null,
    compressMinBytes: maxMessageBytes,
  });
  return clampTimeouts(transport);
}
