import { envelopeHeaderBytes } from "@parley/host/envelope";
import { Frames } from "./frames.ts";
import { messageId } from "./message-id.ts";
import type { StoredMessage } from "./message-log.ts";
import { varintBytes, varintTag, writeText, writeVarint } from "./wire-format.ts";

// The fields of a message that only the append decides.
const idField = 1;
const sequenceField = 7;

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
    sequences.push(sequence);
    ends.push(offset);
  }
  return new Frames({ bytes, sequences, ends });
}

function frameBytes({ payload, number, sequence }: StoredMessage): number {
  // The id takes its tag and a length of one byte each; the sequence takes its tag.
  const suffixBytes = 2 + messageId(number).length + 1 + varintBytes(sequence);
  return envelopeHeaderBytes + payload.byteLength + suffixBytes;
}
