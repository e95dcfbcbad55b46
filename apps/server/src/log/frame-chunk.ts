import { fromBinary } from "@bufbuild/protobuf";
import { envelopeHeaderBytes } from "@parley/host/envelope";
import { type Message, MessageSchema } from "@parley/proto/chat/v1";
import type { EncodedFrames } from "./encode-frames.ts";

/** Frames of some messages, in one piece of memory. */
export interface Frames {
  readonly bytes: Uint8Array;
  readonly messageCount: number;
}

/** Messages of a room, in order, as the frames that all their readers are sent. */
export class FrameChunk {
  readonly #bytes: Uint8Array;
  readonly #sequences: ArrayLike<number>;
  readonly #ends: ArrayLike<number>;

  /** @param encoded - of at least one message */
  constructor({ bytes, sequences, ends }: EncodedFrames) {
    this.#bytes = bytes;
    this.#sequences = sequences;
    this.#ends = ends;
  }

  /** What it holds of memory, in bytes. */
  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  get messageCount(): number {
    return this.#sequences.length;
  }

  get lastSequence(): number {
    return this.#sequences[this.#sequences.length - 1] as number;
  }

  /** The index of the first message after a sequence; `messageCount` if there is none. */
  indexAfter(sequence: number): number {
    let low = 0;
    let high = this.#sequences.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#sequences[middle] as number) > sequence) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  sequenceAt(index: number): number {
    return this.#sequences[index] as number;
  }

  /** The frames from an index on. They share the chunk's memory. */
  framesFrom(index: number): Frames {
    const start = index === 0 ? 0 : (this.#ends[index - 1] as number);
    return {
      bytes: start === 0 ? this.#bytes : this.#bytes.subarray(start),
      messageCount: this.#sequences.length - index,
    };
  }

  /** A message by its index, decoded anew at each call: the chunk holds nothing but its bytes. */
  messageAt(index: number): Message {
    const start = (index === 0 ? 0 : (this.#ends[index - 1] as number)) + envelopeHeaderBytes;
    return fromBinary(MessageSchema, this.#bytes.subarray(start, this.#ends[index]));
  }
}
