import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  MessageSchema,
  PositionSchema,
  SendMessageRequestSchema,
  SubscribeRequestSchema,
} from "@parley/proto/chat/v1";
import { envelope } from "./envelopes.ts";

/** The room that all of a run's messages go to. */
export const roomName = "bench";

/** How many bytes of text a message carries. With its other fields it is about 100 on the wire. */
export const contentBytes = 64;

const defaultContent = "x".repeat(contentBytes);

/** The payload of a SendMessage call. */
export function sendMessageRequest(): Uint8Array {
  return toBinary(
    SendMessageRequestSchema,
    create(SendMessageRequestSchema, {
      user: "sender",
      content: defaultContent,
      room: roomName,
    }),
  );
}

/** The request of a subscription, in its envelope. */
export function subscribeRequest(fromOldest: boolean): Buffer {
  const request: MessageInitShape<typeof SubscribeRequestSchema> = {
    room: roomName,
    user: "reader",
    ...(fromOldest ? { after: create(PositionSchema) } : {}),
  };
  return envelope(toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema, request)));
}

/** A chat message in its envelope. */
export function chatMessage(content: string = defaultContent): Buffer {
  const message = create(MessageSchema, { id: "m", user: "sender", content, room: roomName });
  return envelope(toBinary(MessageSchema, message));
}

/** So many chat messages, each in its envelope, as one buffer. */
export function chatMessages(count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => chatMessage()));
}

/** The first field of a message, when it is a varint; 0 when it is unset, as proto3 has it. */
export function firstVarintField(payload: Uint8Array): number {
  if (payload[0] !== 0x08) {
    return 0;
  }
  let value = 0;
  let factor = 1;
  for (const byte of payload.subarray(1)) {
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) {
      break;
    }
    factor *= 128;
  }
  return value;
}
