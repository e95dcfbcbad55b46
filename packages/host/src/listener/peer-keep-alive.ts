/** Options for {@link createPeerKeepAlive}. */
export interface PeerKeepAliveOptions {
  /** How long a peer may be silent before it is sent a ping. 0 turns pings off. */
  readonly pingIntervalMs: number;
  /** How long a peer may stay silent after a ping before it is given up. */
  readonly pingTimeoutMs: number;
}

/** A connection to a peer, as the keep-alive looks at it. */
export interface WatchedPeer {
  /** All that was received so far; undefined when the connection is gone. */
  bytesRead(): number | undefined;
  /** Sends a ping. False when that cannot be done now. */
  ping(): boolean;
  /** Ends the connection: the peer has not answered. */
  giveUp(): void;
}

/** Finds connections whose peer is gone without having said so. */
export interface PeerKeepAlive {
  /** Watches a connection; returns a function that ends that. */
  watch(peer: WatchedPeer): () => void;
}

interface Observation {
  bytesRead: number;
  heardAtMs: number;
  /** When the ping that has not been answered was sent; 0 when there is none. */
  pingedAtMs: number;
}

/**
 * Creates a keep-alive. Whatever a peer sends counts as a sign of life, so that one which
 * takes a large response slowly, and answers a ping only after what is queued before it,
 * is not mistaken for a dead one: it still grants more to send.
 *
 * All peers share one timer, which keeps no process alive. It ticks twice per interval, so
 * a dead peer is given up at the latest after 1.5 times `pingIntervalMs + pingTimeoutMs`.
 */
export function createPeerKeepAlive(options: PeerKeepAliveOptions): PeerKeepAlive {
  const { pingIntervalMs, pingTimeoutMs } = options;
  const peers = new Map<WatchedPeer, Observation>();
  let timer: NodeJS.Timeout | undefined;

  function tick() {
    const nowMs = performance.now();
    for (const [peer, observation] of peers) {
      check(peer, observation, nowMs);
    }
  }

  function check(peer: WatchedPeer, observation: Observation, nowMs: number) {
    const bytesRead = peer.bytesRead();
    if (bytesRead === undefined) {
      return;
    }
    if (bytesRead !== observation.bytesRead) {
      observation.bytesRead = bytesRead;
      observation.heardAtMs = nowMs;
      observation.pingedAtMs = 0;
    } else if (observation.pingedAtMs > 0) {
      if (nowMs - observation.pingedAtMs >= pingTimeoutMs) {
        peer.giveUp();
      }
    } else if (nowMs - observation.heardAtMs >= pingIntervalMs) {
      if (peer.ping()) {
        observation.pingedAtMs = nowMs;
      } else if (nowMs - observation.heardAtMs >= pingIntervalMs + pingTimeoutMs) {
        // One that is closing, for a client that does not let it.
        peer.giveUp();
      }
    }
  }

  function unwatch(peer: WatchedPeer) {
    peers.delete(peer);
    if (peers.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  }

  return {
    watch(peer) {
      if (pingIntervalMs === 0) {
        return () => {};
      }
      peers.set(peer, { bytesRead: 0, heardAtMs: performance.now(), pingedAtMs: 0 });
      timer ??= setInterval(tick, Math.min(pingIntervalMs, pingTimeoutMs) / 2).unref();
      return () => unwatch(peer);
    },
  };
}
