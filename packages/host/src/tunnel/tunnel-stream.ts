import type { OutgoingHttpHeaders } from "node:http2";
import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { RawData, WebSocket } from "ws";
import type { LeanStream } from "../lean/lean-stream.ts";
import { createChunkQueue } from "./chunk-queue.ts";
import {
  decodeGrant,
  encodeGrant,
  encodeResponse,
  FrameError,
  windowBytes,
} from "./tunnel-frames.ts";

const asText = { binary: false, compress: false };
// Servers do not mask: `ws` hands the bytes to the socket as they are, uncopied.
const asBinary = { binary: true, compress: false };
const noBytes = Buffer.alloc(0);

/** Written chunks that are smaller together go into one frame. */
const gatherBytes = 16_384;

/**
 * The stream of a call that a WebSocket carries: reading yields the body of the request,
 * writing sends that of the response, both within the windows of the tunnel.
 *
 * A write is done when the client has granted it and the socket has taken it, so that a
 * client which does not read costs the stream's own buffer. The client is granted more as
 * the request is read: what waits to be read is no more than a window. The stream is
 * destroyed when the socket has closed.
 */
export class TunnelStream extends Duplex implements LeanStream {
  headersSent = false;
  readonly #webSocket: WebSocket;
  readonly #socket: Socket;
  readonly #unread = createChunkQueue();
  /** How much may be sent. */
  #creditBytes = windowBytes;
  #onCredit: (() => void) | undefined;
  /** How much may be received. */
  #grantedBytes = windowBytes;
  /** What was read since the last grant. */
  #readBytes = 0;
  #wantsMore = false;
  #requestEnded = false;
  #isCorked = false;

  constructor(webSocket: WebSocket, socket: Socket) {
    // The queue holds what is not read yet: it gathers what is small.
    super({ readableHighWaterMark: 1, writableHighWaterMark: 65_536 });
    this.#webSocket = webSocket;
    this.#socket = socket;
  }

  /** Sends the headers of the response. */
  respond(
    headers: OutgoingHttpHeaders | readonly string[] = {},
    { endStream = false }: { readonly endStream?: boolean | undefined } = {},
  ): void {
    if (this.headersSent || this.destroyed) {
      return;
    }
    this.headersSent = true;
    this.#send(encodeResponse(headers), asText);
    if (endStream) {
      this.end();
    }
  }

  /** Throws: the tunnel has no trailers, and the protocols that it carries need none. */
  sendTrailers(): never {
    throw new Error("a WebSocket tunnel has no HTTP trailers");
  }

  /** Takes a frame of the client, after its first. Throws a FrameError. */
  receive(data: RawData, isBinary: boolean): void {
    // What is on its way when the response is complete is of no interest.
    if (this.writableEnded || this.destroyed) {
      return;
    }
    const frame = data as Buffer;
    if (!isBinary) {
      this.#takeGrant(decodeGrant(frame.toString()));
      return;
    }
    if (this.#requestEnded) {
      throw new FrameError("a body that goes on after its end");
    }
    this.#grantedBytes -= frame.length;
    if (this.#grantedBytes < 0) {
      throw new FrameError("more than was granted");
    }
    if (frame.length === 0) {
      this.#requestEnded = true;
      this.#readOn();
    } else if (this.#wantsMore) {
      // Who waits for more has read all that came before.
      this.#deliver(frame);
    } else {
      this.#unread.push(frame);
    }
  }

  override _read(): void {
    this.#wantsMore = true;
    this.#readOn();
  }

  #readOn(): void {
    while (this.#wantsMore) {
      const chunk = this.#unread.shift();
      if (chunk === undefined) {
        if (this.#requestEnded) {
          this.#wantsMore = false;
          this.push(null);
        }
        return;
      }
      this.#deliver(chunk);
    }
  }

  #deliver(chunk: Buffer): void {
    this.#readBytes += chunk.length;
    if (this.#readBytes >= windowBytes / 4 && !this.#requestEnded) {
      this.#grantedBytes += this.#readBytes;
      this.#send(encodeGrant(this.#readBytes), asText);
      this.#readBytes = 0;
    }
    this.#wantsMore = this.push(chunk);
  }

  #takeGrant(bytes: number): void {
    this.#creditBytes += bytes;
    if (this.#creditBytes > windowBytes) {
      throw new FrameError("a grant of what was not sent");
    }
    this.#onCredit?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.#sendBody([chunk], callback);
  }

  override _writev(writes: { readonly chunk: Buffer }[], callback: () => void): void {
    const chunks = writes.map(({ chunk }) => chunk);
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    this.#sendBody(bytes <= gatherBytes ? [Buffer.concat(chunks, bytes)] : chunks, callback);
  }

  override _final(callback: () => void): void {
    this.respond();
    this.#send(noBytes, asBinary);
    this.#webSocket.close(1000);
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) {
      this.#webSocket.close(1011, "the call broke off");
    }
    callback(error);
  }

  /** Sends what there is credit for, then the rest as it is granted. */
  #sendBody(chunks: Buffer[], callback: () => void): void {
    this.#onCredit = undefined;
    for (const [index, chunk] of chunks.entries()) {
      const sent = chunk.subarray(0, this.#creditBytes);
      if (sent.length > 0) {
        this.#creditBytes -= sent.length;
        this.#send(sent, asBinary);
      }
      if (sent.length < chunk.length) {
        const left = [chunk.subarray(sent.length), ...chunks.slice(index + 1)];
        this.#onCredit = () => this.#sendBody(left, callback);
        return;
      }
    }
    if (this.#socket.writableNeedDrain) {
      this.#socket.once("drain", callback);
    } else {
      callback();
    }
  }

  /** All that is sent in one turn leaves together. */
  #send(data: string | Buffer, options: typeof asText): void {
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    this.#webSocket.send(data, options, ignoreResult);
  }
}

// That a socket is gone shows in its end, not in each of the writes.
function ignoreResult() {}
