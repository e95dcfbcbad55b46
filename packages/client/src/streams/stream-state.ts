import type { ConnectError } from "@connectrpc/connect";

/**
 * What a stream that reconnects is doing.
 *
 * - `connecting`: a stream is being opened.
 * - `open`: the server answered.
 * - `waiting`: the stream broke; the next one is opened at `retryAtMs`, in
 *   milliseconds since 1970.
 * - `closed`: over, with the error that trying again cannot mend, if any.
 */
export type StreamState =
  | { readonly name: "connecting" }
  | { readonly name: "open" }
  | { readonly name: "waiting"; readonly retryAtMs: number; readonly error: ConnectError }
  | { readonly name: "closed"; readonly error?: ConnectError };
