import type { LeanStream } from "../lean/lean-stream.ts";

/**
 * An answer that is complete ends the call: a client that still sends is told to stop
 * (https://www.rfc-editor.org/rfc/rfc9113#section-8.1), and what it sent is dropped. Node
 * does so only for a request that nobody began to read; any other would stay, with up to
 * a window of data, until its session ends, and a session that closes would wait for it.
 */
export function endUpload(this: LeanStream): void {
  if (!this.readableEnded) {
    setImmediate(() => destroyWhenAnswered(this));
  }
}

function destroyWhenAnswered(stream: LeanStream): void {
  if (stream.destroyed) {
    return;
  }
  // A stream that both sides have closed has no such state any more.
  if (stream.closed || !stream.state || stream.state.localClose) {
    stream.destroy();
  } else {
    // The end of the answer, its trailers for example, waits for the connection. No event
    // tells when it was sent, and a reset sent before it would take it away.
    setTimeout(() => destroyWhenAnswered(stream), 50).unref();
  }
}
