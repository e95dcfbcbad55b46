import type { Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { clampTimeout, clampTimeouts } from "./clamp-timeouts.ts";
import { fetchOrUnavailable } from "./fetch-or-unavailable.ts";
import { resolveBaseUrl } from "./transport-options.ts";
import { createWebSocketTransport, type WebSocketTransportOptions } from "./websocket-transport.ts";

/** Options for {@link createBrowserTransport}; the limits are those of the tunnel. */
export interface BrowserTransportOptions extends WebSocketTransportOptions {
  /**
   * What server streaming goes over. Default "fetch". Over HTTP/1.1, which is all that
   * browsers speak in cleartext, they have six connections to a server, of all its pages
   * together, and a stream occupies one: "websocket" for pages that hold several.
   */
  readonly serverStreaming?: "fetch" | "websocket";
  /** In place of the runtime's own. */
  readonly fetch?: typeof globalThis.fetch;
}

/**
 * Creates a transport for pages that has all four kinds of calls: unary and server
 * streaming go over fetch, with GET for methods without side effects, so that browsers
 * cache and multiplex; client and bidirectional streaming, which fetch cannot do, go over
 * the WebSocket tunnel (see {@link createWebSocketTransport}).
 *
 * A server that cannot be reached is UNAVAILABLE over both.
 */
export function createBrowserTransport(options: BrowserTransportOptions = {}): Transport {
  const { serverStreaming = "fetch", fetch, interceptors = [], useBinaryFormat = true } = options;
  const { defaultTimeoutMs } = options;
  const tunnel = createWebSocketTransport(options);
  const fetching = clampTimeouts(
    createConnectTransport({
      ...options,
      baseUrl: resolveBaseUrl(options.baseUrl),
      interceptors: [...interceptors],
      useBinaryFormat,
      useHttpGet: true,
      ...(defaultTimeoutMs !== undefined && { defaultTimeoutMs: clampTimeout(defaultTimeoutMs) }),
      fetch: fetchOrUnavailable(fetch),
    }),
  );
  return {
    unary: fetching.unary,
    stream(method, ...call) {
      const isFetched = method.methodKind === "server_streaming" && serverStreaming === "fetch";
      return (isFetched ? fetching : tunnel).stream(method, ...call);
    },
  };
}
