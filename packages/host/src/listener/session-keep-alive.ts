import type { Http2Session } from "node:http2";
import { createPeerKeepAlive, type PeerKeepAliveOptions } from "./peer-keep-alive.ts";

/** Finds HTTP/2 sessions whose client is gone without having said so. */
export interface SessionKeepAlive {
  /** Watches a session until it closes. */
  watch(session: Http2Session): void;
}

/**
 * Creates the keep-alive of an HTTP/2 server, see {@link createPeerKeepAlive}. A client that
 * does not answer has its session destroyed.
 *
 * PING frames: https://www.rfc-editor.org/rfc/rfc9113#section-6.7
 */
export function createSessionKeepAlive(options: PeerKeepAliveOptions): SessionKeepAlive {
  const keepAlive = createPeerKeepAlive(options);
  return {
    watch(session) {
      const unwatch = keepAlive.watch({
        bytesRead: () => (session.destroyed ? undefined : session.socket.bytesRead),
        ping: () => session.ping(ignoreAnswer),
        giveUp: () =>
          session.destroy(
            new Error(`the HTTP/2 client did not answer a PING within ${options.pingTimeoutMs} ms`),
          ),
      });
      session.once("close", unwatch);
    },
  };
}

// The answer shows in the bytes that the session read.
function ignoreAnswer() {}
