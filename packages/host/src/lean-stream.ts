import type { ServerHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";

/**
 * What the lean path needs of the stream that carries a call. A server's HTTP/2 stream is
 * one; another transport may bring a stream of its own that does the same.
 */
export type LeanStream = Duplex &
  Pick<ServerHttp2Stream, "headersSent" | "respond" | "sendTrailers">;
