import { fromBinary } from "@bufbuild/protobuf";
import { envelopeHeaderBytes } from "@parley/host/envelope-reader";
import { type Message, MessageSchema } from "@parley/proto/chat/v1";
import type { StoredMessage } from "./message-log.ts";
import { messageId } from "./stored-messages.ts";
import { varintTag, writeText, writeVarint } from "./wire-format.ts";

// The fields of a message that only the append decides.
const idField = 1;
const sequenceField = 7;
/** More than the id, the sequence and their tags can take. */
const maxSuffixBytes = 48;

/** Frames of some messages, in one piece of memory. */
export interface Frames {
  readonly bytes: Uint8Array;
  readonly messageCount: number;
}

/**
 * Messages of a room, in order, as the frames that all their readers are sent: each
 * one completed with its id and sequence, and put in its envelope, once.
 */
export class FrameChunk {
  readonly #bytes: Buffer;
  readonly #sequences: readonly number[];
  /** Where each frame ends. */
  readonly #ends: readonly number[];
  #messages: Message[] | undefined;

  /** @param stored - at least one message, in order */
  constructor(stored: readonly StoredMessage[]) {
    const capacity = stored.reduce(
      (sum, { payload }) => sum + envelopeHeaderBytes + payload.byteLength + maxSuffixBytes,
      0,
    );
    const bytes = Buffer.allocUnsafe(capacity);
    const ends: number[] = [];
    let offset = 0;
    for (const { payload, number, sequence } of stored) {
      const start = offset;
      bytes.set(payload, start + envelopeHeaderBytes);
      offset = start + envelopeHeaderBytes + payload.byteLength;
      const id = messageId(number);
      offset = writeText(bytes, offset, idField, id, id.length);
      bytes[offset] = varintTag(sequenceField);
      offset = writeVarint(bytes, offset + 1, sequence);
      bytes[start] = 0;
      bytes.writeUInt32BE(offset - start - envelopeHeaderBytes, start + 1);
      ends.push(offset);
    }
    this.#bytes = bytes.subarray(0, offset);
    this.#sequences = stored.map(({ sequence }) => sequence);
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
    return this.#sequences.at(-1) as number;
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

  /** A message by its index. It is decoded once for all readers: do not change it. */
  messageAt(index: number): Message {
    this.#messages ??= [];
    let message = this.#messages[index];
    if (!message) {
      const start = (index === 0 ? 0 : (this.#ends[index - 1] as number)) + envelopeHeaderBytes;
      message = fromBinary(MessageSchema, this.#bytes.subarray(start, this.#ends[index]));
      this.#messages[index] = message;
    }
    return message;
  }
}
