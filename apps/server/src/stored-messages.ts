import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Message, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import type { AppendRecord, StoredMessage } from "./message-log.ts";

/** The id of the log's n-th message. */
export function messageId(number: number): string {
  return `msg_${number}`;
}

/** What is appended for a message: all of it but what the append decides. */
export function toRecord(
  message: Pick<Message, "room" | "user" | "content" | "idempotencyKey"> &
    Pick<MessageInitShape<typeof MessageSchema>, "timestamp">,
  receivedAtMs: number,
): AppendRecord {
  const { room, user, content, idempotencyKey } = message;
  const timestamp = message.timestamp ?? timestampFromMs(receivedAtMs);
  const stored = create(MessageSchema, {
    user,
    content,
    room,
    timestamp,
    type: MessageType.CHAT,
    idempotencyKey,
  });
  return { room, user, idempotencyKey, receivedAtMs, payload: toBinary(MessageSchema, stored) };
}

/** The message that readers see. */
export function toMessage(stored: StoredMessage): Message {
  const message = fromBinary(MessageSchema, stored.payload);
  message.id = messageId(stored.number);
  message.sequence = BigInt(stored.sequence);
  return message;
}
