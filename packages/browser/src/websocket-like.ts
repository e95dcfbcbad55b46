import type { CloseReason } from "./close-error.ts";

/**
 * What the tunnel needs of a WebSocket: that of browsers
 * (https://websockets.spec.whatwg.org), of Node, and of the npm package `ws` have it.
 */
export interface WebSocketLike {
  binaryType: string;
  readonly protocol: string;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: "close", listener: (event: CloseReason) => void): void;
}

/** Opens a WebSocket, with the subprotocol to offer. */
export type WebSocketFactory = (url: string, protocol: string) => WebSocketLike;

/** Opens one as the runtime has it. */
export const openWebSocket: WebSocketFactory = (url, protocol) =>
  new WebSocket(url, protocol) as WebSocketLike;
