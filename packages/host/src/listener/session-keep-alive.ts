import type { Http2Session } from "node:http2";
import type { Socket } from "node:net";
import { createPeerKeepAlive, type PeerKeepAliveOptions } from "./peer-keep-alive.ts";

/** Finds HTTP/2 sessions whose client is gone without having said so. */
export interface SessionKeepAlive {
  /** Watches a session until it closes, and with it the socket that it is on. */
  watch(session: Http2Session, socket: Socket): void;
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
    watch(session, socket) {
      const unwatch = keepAlive.watch({
        bytesRead: () => (socket.destroyed ? undefined : socket.bytesRead),
        ping: () => !session.destroyed && session.ping(ignoreAnswer),
        giveUp() {
          session.destroy(
            new Error(`the HTTP/2 client did not answer a PING within ${options.pingTimeoutMs} ms`),
          );
          // A session that has ended waits for what it has sent, which nobody may take.
          socket.destroy();
        },
      });
      session.once("close", unwatch);
    },
  };
}

// The answer shows in the bytes that the session read.
function ignoreAnswer() {}
