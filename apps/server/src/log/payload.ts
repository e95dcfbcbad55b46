import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Message, MessageSchema } from "@parley/proto/chat/v1";
import { messageId } from "./message-id.ts";
import type { AppendRecord, StoredMessage } from "./message-log.ts";
import { bytesTag, varintBytes, varintTag, writeText, writeVarint } from "./wire-format.ts";

/** What of a sender's message is stored. */
export type StorableMessage = Pick<Message, "room" | "user" | "content" | "idempotencyKey"> &
  Pick<MessageInitShape<typeof MessageSchema>, "timestamp">;

/** What is appended for a message: all of it but what the append decides. */
export function toRecord(message: StorableMessage, receivedAtMs: number): AppendRecord {
  const { room, user, content, idempotencyKey } = message;
  const timestamp = message.timestamp ?? timestampFromMs(receivedAtMs);
  const seconds = Number(timestamp.seconds ?? 0n);
  const payload =
    seconds < 0
      ? toBinary(
          MessageSchema,
          create(MessageSchema, { room, user, content, idempotencyKey, timestamp }),
        )
      : encode(message, seconds, timestamp.nanos ?? 0);
  return { room, user, idempotencyKey, receivedAtMs, payload };
}

// Numbers of the fields that are stored.
const fields = { user: 2, content: 3, room: 4, timestamp: 5, idempotencyKey: 8 };

/**
 * The message in wire form, as the generic encoder would write it, at a fraction of the
 * cost. Empty texts are left out, as is the type, which is 0.
 */
function encode(message: StorableMessage, seconds: number, nanos: number): Uint8Array {
  const { user, content, room, idempotencyKey } = message;
  const [userBytes, contentBytes, roomBytes, keyBytes] = [
    Buffer.byteLength(user),
    Buffer.byteLength(content),
    Buffer.byteLength(room),
    Buffer.byteLength(idempotencyKey),
  ];
  const timestampBytes =
    (seconds > 0 ? 1 + varintBytes(seconds) : 0) + (nanos > 0 ? 1 + varintBytes(nanos) : 0);
  // A text takes its tag and a length of at most five bytes; so does the timestamp.
  const bytes = Buffer.allocUnsafe(
    userBytes + contentBytes + roomBytes + keyBytes + timestampBytes + 5 * 6,
  );
  let offset = 0;
  const text = (field: number, value: string, length: number) => {
    if (length > 0) {
      offset = writeText(bytes, offset, field, value, length);
    }
  };
  text(fields.user, user, userBytes);
  text(fields.content, content, contentBytes);
  text(fields.room, room, roomBytes);
  bytes[offset] = bytesTag(fields.timestamp);
  offset = writeVarint(bytes, offset + 1, timestampBytes);
  if (seconds > 0) {
    bytes[offset] = varintTag(1);
    offset = writeVarint(bytes, offset + 1, seconds);
  }
  if (nanos > 0) {
    bytes[offset] = varintTag(2);
    offset = writeVarint(bytes, offset + 1, nanos);
  }
  text(fields.idempotencyKey, idempotencyKey, keyBytes);
  return bytes.subarray(0, offset);
}

/** The message that readers see. */
export function toMessage(stored: StoredMessage): Message {
  const message = fromBinary(MessageSchema, stored.payload);
  message.id = messageId(stored.serial);
  message.sequence = BigInt(stored.sequence);
  return message;
}
