import { type Message, MessageType } from "@parley/proto/chat/v1";
import { bytesTag, varintBytes, varintTag, writeText, writeVarint } from "../log/wire-format.ts";

const fields = { id: 1, user: 2, content: 3, room: 4, timestamp: 5, type: 6, sequence: 7 };
const user = "Server";
/** What the tags, lengths and numbers of all fields take at most, and the user's name. */
const maxOtherBytes = 80;

/**
 * The message that answers one of a Chat stream, in wire form: as the generic encoder would
 * write it, at a fraction of the cost, since there is one for every message.
 *
 * @param sequence - what the message got; 0 for none
 */
export function encodeEcho(
  message: Pick<Message, "id" | "content" | "room">,
  sequence: number,
  nowMs: number = Date.now(),
): Uint8Array {
  const { room } = message;
  const id = `echo_${message.id}`;
  const content = `Echo: ${message.content}`;
  const [idBytes, contentBytes, roomBytes] = [
    Buffer.byteLength(id),
    Buffer.byteLength(content),
    Buffer.byteLength(room),
  ];
  const bytes = Buffer.allocUnsafe(idBytes + contentBytes + roomBytes + maxOtherBytes);
  let offset = writeText(bytes, 0, fields.id, id, idBytes);
  offset = writeText(bytes, offset, fields.user, user, user.length);
  offset = writeText(bytes, offset, fields.content, content, contentBytes);
  offset = writeText(bytes, offset, fields.room, room, roomBytes);
  offset = writeTimestamp(bytes, offset, nowMs);
  bytes[offset] = varintTag(fields.type);
  offset = writeVarint(bytes, offset + 1, MessageType.SYSTEM);
  if (sequence > 0) {
    bytes[offset] = varintTag(fields.sequence);
    offset = writeVarint(bytes, offset + 1, sequence);
  }
  return bytes.subarray(0, offset);
}

function writeTimestamp(bytes: Buffer, offset: number, nowMs: number): number {
  const seconds = Math.floor(nowMs / 1_000);
  const nanos = (nowMs % 1_000) * 1_000_000;
  bytes[offset] = bytesTag(fields.timestamp);
  const length = 1 + varintBytes(seconds) + (nanos > 0 ? 1 + varintBytes(nanos) : 0);
  let at = writeVarint(bytes, offset + 1, length);
  bytes[at] = varintTag(1);
  at = writeVarint(bytes, at + 1, seconds);
  if (nanos > 0) {
    bytes[at] = varintTag(2);
    at = writeVarint(bytes, at + 1, nanos);
  }
  return at;
}
