import { fromBinary } from "@bufbuild/protobuf";
import { envelopeHeaderBytes } from "@parley/host/envelope";
import { type Message, MessageSchema } from "@parley/proto/chat/v1";

/** What frames take of memory beside their bytes, and each of them, roughly. */
const overheadBytes = 256;
const frameOverheadBytes = 32;

/** What frames consist of: as threads pass them to each other. */
export interface FramesParts {
  /** The frames, one behind the other. */
  readonly bytes: Uint8Array;
  readonly sequences: ArrayLike<number>;
  /** Where each frame ends. */
  readonly ends: ArrayLike<number>;
}

/** What a reader is sent in one write. */
export type FramesToWrite = Pick<Frames, "bytes" | "messageCount">;

/**
 * Messages of a room, in order and one at least, as the frames that all their readers are
 * sent: in one piece of memory, that every part of them shares.
 */
export class Frames {
  readonly #parts: FramesParts;
  /** The index in the parts of the first message. */
  readonly #first: number;

  constructor(parts: FramesParts, first = 0) {
    this.#parts = parts;
    this.#first = first;
  }

  /** What another thread puts them together from; of all of them, if these are a part. */
  get parts(): FramesParts {
    return this.#parts;
  }

  get bytes(): Uint8Array {
    const { bytes } = this.#parts;
    return this.#first === 0 ? bytes : bytes.subarray(this.#startOf(0));
  }

  /** What is held in memory for as long as any part of these frames is, in bytes, roughly. */
  get heldBytes(): number {
    const { bytes, ends } = this.#parts;
    return bytes.byteLength + ends.length * frameOverheadBytes + overheadBytes;
  }

  get messageCount(): number {
    return this.#parts.ends.length - this.#first;
  }

  get lastSequence(): number {
    return this.sequenceAt(this.messageCount - 1);
  }

  sequenceAt(index: number): number {
    return this.#parts.sequences[this.#first + index] as number;
  }

  /** The index of the first message after a sequence; `messageCount` if there is none. */
  indexAfter(sequence: number): number {
    let low = 0;
    let high = this.messageCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.sequenceAt(middle) > sequence) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }

  /** The frames from an index on, which is below `messageCount`. */
  framesFrom(index: number): Frames {
    return index === 0 ? this : new Frames(this.#parts, this.#first + index);
  }

  /** A message by its index, decoded anew at each call: nothing is held but the frames. */
  messageAt(index: number): Message {
    const { bytes, ends } = this.#parts;
    const start = this.#startOf(index) + envelopeHeaderBytes;
    return fromBinary(MessageSchema, bytes.subarray(start, ends[this.#first + index]));
  }

  #startOf(index: number): number {
    const before = this.#first + index - 1;
    return before < 0 ? 0 : (this.#parts.ends[before] as number);
  }
}
