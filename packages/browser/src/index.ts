export { type BrowserTransportOptions, createBrowserTransport } from "./browser-transport.ts";
export type { TransportOptions } from "./transport-options.ts";
export type { WebSocketFactory, WebSocketLike } from "./websocket-like.ts";
export { createWebSocketTransport, type WebSocketTransportOptions } from "./websocket-transport.ts";
