import type { ServerHttp2Stream } from "node:http2";
import type { Duplex } from "node:stream";

/**
 * What the lean path needs of the stream that carries a call. A server's HTTP/2 stream is
 * one; another transport may bring a stream of its own that does the same.
 */
export type LeanStream = Duplex &
  Pick<ServerHttp2Stream, "headersSent" | "respond" | "sendTrailers"> &
  Partial<Pick<ServerHttp2Stream, "state">>;

/** What a stream tells the call that it carries. No method of it throws. */
export interface StreamOwner {
  onChunk(chunk: Buffer): void;
  onRequestEnd(): void;
  onWantTrailers(): void;
  onStreamDrain(): void;
  onStreamClose(): void;
}

/**
 * Whether nothing can be sent on a stream any more. One that its client has reset without an
 * error while data was unread is closed, and not destroyed; to use it throws all the same.
 */
export function isGone(stream: LeanStream): boolean {
  return stream.destroyed || stream.closed;
}

/**
 * Does what sends on a stream. Returns false when that cannot be done: then the stream, which
 * may be left half used, is destroyed. Node throws for a stream that is gone and for headers
 * that it cannot send; this is the one place that survives it.
 */
export function sendOn(stream: LeanStream, send: () => void): boolean {
  if (!isGone(stream)) {
    try {
      send();
      return true;
    } catch {
      // Told by the return value.
    }
  }
  stream.destroy();
  return false;
}

/**
 * Writes to a stream as {@link sendOn} sends. Returns whether it has room for more, or undefined
 * when it could not be written to.
 */
export function writeOn(stream: LeanStream, bytes: Uint8Array): boolean | undefined {
  if (!isGone(stream)) {
    try {
      return stream.write(bytes);
    } catch {
      // Told by the return value.
    }
  }
  stream.destroy();
  return undefined;
}

// The listeners are the same for all streams: a call costs no closures for them.

const ownerKey = Symbol("the owner of a stream");

interface OwnedStream extends LeanStream {
  [ownerKey]: StreamOwner;
}

/** Makes a stream tell its owner when it closes. Its errors are followed by that. */
export function ownStream(stream: LeanStream, owner: StreamOwner): void {
  (stream as OwnedStream)[ownerKey] = owner;
  // A write to a stream whose client has gone is an error that nobody needs to hear of.
  stream.on("error", ignoreError);
  stream.on("close", onClose);
}

/** Hands what arrives of the request to the owner, until {@link stopReading}. */
export function startReading(stream: LeanStream): void {
  stream.on("data", onData);
  stream.on("end", onEnd);
}

export function stopReading(stream: LeanStream): void {
  stream.off("data", onData);
  stream.off("end", onEnd);
}

/** Tells the owner once when the stream can take more. */
export function awaitDrain(stream: LeanStream): void {
  stream.once("drain", onDrain);
}

/** Tells the owner when the stream wants the trailers that it was announced. */
export function awaitTrailers(stream: LeanStream): void {
  stream.once("wantTrailers", onWantTrailers);
}

function ignoreError(): void {}

function onClose(this: LeanStream): void {
  (this as OwnedStream)[ownerKey].onStreamClose();
}

function onData(this: LeanStream, chunk: Buffer): void {
  (this as OwnedStream)[ownerKey].onChunk(chunk);
}

function onEnd(this: LeanStream): void {
  (this as OwnedStream)[ownerKey].onRequestEnd();
}

function onDrain(this: LeanStream): void {
  (this as OwnedStream)[ownerKey].onStreamDrain();
}

function onWantTrailers(this: LeanStream): void {
  (this as OwnedStream)[ownerKey].onWantTrailers();
}
