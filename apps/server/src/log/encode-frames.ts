import { envelopeHeaderBytes } from "@parley/host/envelope";
import { Frames } from "./frames.ts";
import { messageId, messageIdBytes } from "./message-id.ts";
import type { StoredMessage } from "./message-log.ts";
import { varintBytes, varintTag, writeText, writeVarint } from "./wire-format.ts";

// The fields of a message that only the append decides.
const idField = 1;
const sequenceField = 7;

/** Frames that are written together take no more bytes than this, a single larger one aside. */
const maxWriteBytes = 64 * 1024;

/** Makes the frames of messages of a room, in pieces that are fit for one write each. */
export function encodeFramePieces(stored: readonly StoredMessage[]): Frames[] {
  const pieces: Frames[] = [];
  let start = 0;
  let bytes = 0;
  for (const [index, { payload }] of stored.entries()) {
    bytes += payload.byteLength;
    if (bytes > maxWriteBytes && index > start) {
      pieces.push(encodeFrames(stored.slice(start, index)));
      start = index;
      bytes = payload.byteLength;
    }
  }
  if (start < stored.length) {
    pieces.push(encodeFrames(start === 0 ? stored : stored.slice(start)));
  }
  return pieces;
}

/**
 * Makes the frames of messages of a room, one at least: completes each with its id and
 * sequence and puts it in its envelope, once for all its readers. They have memory of their
 * own, which nothing else shares: who holds frames is to hold no more than them.
 */
export function encodeFrames(stored: readonly StoredMessage[]): Frames {
  const bytes = Buffer.allocUnsafeSlow(stored.reduce((sum, one) => sum + frameBytes(one), 0));
  const sequences: number[] = [];
  const ends: number[] = [];
  let offset = 0;
  for (const { payload, serial, sequence } of stored) {
    const start = offset;
    bytes.set(payload, start + envelopeHeaderBytes);
    offset = start + envelopeHeaderBytes + payload.byteLength;
    const id = messageId(serial);
    offset = writeText(bytes, offset, idField, id, id.length);
    bytes[offset] = varintTag(sequenceField);
    offset = writeVarint(bytes, offset + 1, sequence);
    bytes[start] = 0;
    bytes.writeUInt32BE(offset - start - envelopeHeaderBytes, start + 1);
    sequences.push(sequence);
    ends.push(offset);
  }
  return new Frames({ bytes, sequences, ends });
}

function frameBytes({ payload, serial, sequence }: StoredMessage): number {
  // The id takes its tag and a length of one byte each; the sequence takes its tag.
  const suffixBytes = 2 + messageIdBytes(serial) + 1 + varintBytes(sequence);
  return envelopeHeaderBytes + payload.byteLength + suffixBytes;
}
