import { envelopeHeaderBytes } from "@parley/host/envelope";
import { messageId } from "./message-id.ts";
import type { StoredMessage } from "./message-log.ts";
import { varintBytes, varintTag, writeText, writeVarint } from "./wire-format.ts";

// The fields of a message that only the append decides.
const idField = 1;
const sequenceField = 7;

/** Messages of a room, in order, in wire form. */
export interface EncodedFrames {
  /** The frames, one behind the other. */
  readonly bytes: Uint8Array;
  readonly sequences: ArrayLike<number>;
  /** Where each frame ends. */
  readonly ends: ArrayLike<number>;
}

/** What the frames of messages take, in bytes. */
export function framesBytes(stored: readonly StoredMessage[]): number {
  return stored.reduce((sum, message) => sum + frameBytes(message), 0);
}

function frameBytes({ payload, number, sequence }: StoredMessage): number {
  // The id takes its tag and a length of one byte each; the sequence takes its tag.
  const suffixBytes = 2 + messageId(number).length + 1 + varintBytes(sequence);
  return envelopeHeaderBytes + payload.byteLength + suffixBytes;
}

/**
 * Completes each message with its id and sequence, and puts it in its envelope: once, for
 * all its readers.
 *
 * @param bytes - where to, of `framesBytes`. By default memory that nothing else shares: who
 * holds frames is to hold no more than them.
 */
export function encodeFrames(
  stored: readonly StoredMessage[],
  bytes: Buffer = Buffer.allocUnsafeSlow(framesBytes(stored)),
): EncodedFrames {
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
  return { bytes, sequences: stored.map(({ sequence }) => sequence), ends };
}
