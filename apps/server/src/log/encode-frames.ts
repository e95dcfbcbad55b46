import { envelopeHeaderBytes } from "@parley/host/envelope";
import { messageId } from "./message-id.ts";
import type { StoredMessage } from "./message-log.ts";
import { varintTag, writeText, writeVarint } from "./wire-format.ts";

// The fields of a message that only the append decides.
const idField = 1;
const sequenceField = 7;
/** More than the id, the sequence and their tags can take. */
const maxSuffixBytes = 48;

/** Messages of a room, in order, in wire form. */
export interface EncodedFrames {
  /** The frames, one behind the other. */
  readonly bytes: Uint8Array;
  readonly sequences: ArrayLike<number>;
  /** Where each frame ends. */
  readonly ends: ArrayLike<number>;
}

/** What the frames of messages take at most, in bytes. */
export function maxFramesBytes(stored: readonly StoredMessage[]): number {
  return stored.reduce(
    (sum, { payload }) => sum + envelopeHeaderBytes + payload.byteLength + maxSuffixBytes,
    0,
  );
}

/**
 * Completes each message with its id and sequence, and puts it in its envelope: once, for
 * all its readers.
 *
 * @param bytes - where to, of `maxFramesBytes`
 */
export function encodeFrames(
  stored: readonly StoredMessage[],
  bytes: Buffer = Buffer.allocUnsafe(maxFramesBytes(stored)),
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
  return {
    bytes: bytes.subarray(0, offset),
    sequences: stored.map(({ sequence }) => sequence),
    ends,
  };
}
