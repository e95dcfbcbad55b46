import type { Http2Session } from "node:http2";

/** Options for {@link createSessionKeepAlive}. */
export interface SessionKeepAliveOptions {
  /** How long a session may be silent before it is sent a PING. 0 turns pings off. */
  readonly pingIntervalMs: number;
  /** How long a session may stay silent after a PING before it is destroyed. */
  readonly pingTimeoutMs: number;
}

/** Finds HTTP/2 sessions whose client is gone without having said so. */
export interface SessionKeepAlive {
  /** Watches a session until it closes. */
  watch(session: Http2Session): void;
}

interface Peer {
  bytesRead: number;
  heardAtMs: number;
  /** When the PING that has not been answered was sent; 0 when there is none. */
  pingedAtMs: number;
}

/**
 * Creates the keep-alive of a server. Whatever a client sends counts as a sign of
 * life, so that a client which takes a large response slowly, and answers a PING
 * only after what is queued before it, is not mistaken for a dead one: it still
 * sends WINDOW_UPDATE frames.
 *
 * All sessions share one timer, which keeps no process alive. It ticks twice per
 * interval, so a dead session is destroyed at the latest after 1.5 times
 * `pingIntervalMs + pingTimeoutMs`.
 *
 * PING frames: https://www.rfc-editor.org/rfc/rfc9113#section-6.7
 */
export function createSessionKeepAlive(options: SessionKeepAliveOptions): SessionKeepAlive {
  const { pingIntervalMs, pingTimeoutMs } = options;
  const peers = new Map<Http2Session, Peer>();
  let timer: NodeJS.Timeout | undefined;

  function tick() {
    const nowMs = performance.now();
    for (const [session, peer] of peers) {
      check(session, peer, nowMs);
    }
  }

  function check(session: Http2Session, peer: Peer, nowMs: number) {
    if (session.destroyed) {
      return;
    }
    const { bytesRead } = session.socket;
    if (bytesRead !== peer.bytesRead) {
      peer.bytesRead = bytesRead;
      peer.heardAtMs = nowMs;
      peer.pingedAtMs = 0;
    } else if (peer.pingedAtMs > 0) {
      if (nowMs - peer.pingedAtMs >= pingTimeoutMs) {
        session.destroy(
          new Error(`the HTTP/2 client did not answer a PING within ${pingTimeoutMs} ms`),
        );
      }
    } else if (nowMs - peer.heardAtMs >= pingIntervalMs && session.ping(ignoreAnswer)) {
      peer.pingedAtMs = nowMs;
    }
  }

  return {
    watch(session) {
      if (pingIntervalMs === 0) {
        return;
      }
      peers.set(session, { bytesRead: 0, heardAtMs: performance.now(), pingedAtMs: 0 });
      session.once("close", () => {
        peers.delete(session);
        if (peers.size === 0) {
          clearInterval(timer);
          timer = undefined;
        }
      });
      timer ??= setInterval(tick, Math.min(pingIntervalMs, pingTimeoutMs) / 2).unref();
    },
  };
}

// The answer shows in the bytes that the session read.
function ignoreAnswer() {}
