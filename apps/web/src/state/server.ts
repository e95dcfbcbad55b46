import type { Transport } from "@connectrpc/connect";
import { createBrowserTransport } from "@parley/browser";
import { type ChatClient, createChatClient } from "@parley/client";
import { QueryClient } from "@tanstack/react-query";

/**
 * How pages reach the server. All streams go over WebSockets: over HTTP/1.1 a browser
 * has six connections for fetch, of all its pages together.
 */
export const transport: Transport = createBrowserTransport({ serverStreaming: "websocket" });

/**
 * The client of all pages. It gives up sending after some seconds, so that the sender
 * hears of it while they still remember.
 */
export const client: ChatClient = createChatClient(transport, { retryForMs: 8_000 });

/** What the unary calls of components share. The browser's idea of being offline says little. */
export const queryClient: QueryClient = new QueryClient({
  defaultOptions: { queries: { networkMode: "always", retry: 2 } },
});
