import { create } from "@bufbuild/protobuf";
import { timestampFromMs, timestampNow } from "@bufbuild/protobuf/wkt";
import { type Message, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import type { Cursor } from "../rooms/cursor.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** The message that greets a subscriber and tells where the subscription stands. */
export function welcome(cursor: Cursor, user: string, epoch: string): Message {
  return create(MessageSchema, {
    id: "system",
    user: "System",
    content: `Welcome to room ${cursor.room.name}, ${user}!`,
    room: cursor.room.name,
    timestamp: timestampNow(),
    type: MessageType.SYSTEM,
    sequence: BigInt(cursor.startedAfter),
    epoch,
  });
}

/** The message that says: still here, nothing new. */
export function heartbeat(cursor: Cursor): Message {
  return create(MessageSchema, {
    id: "heartbeat",
    user: "System",
    room: cursor.room.name,
    timestamp: timestampNow(),
    type: MessageType.SYSTEM,
    sequence: BigInt(cursor.position),
  });
}

/**
 * What a cursor has at hand for its reader: a message of the room, else a
 * presence event, else nothing.
 */
export function takeNext(
  cursor: Cursor,
  metrics: Pick<Metrics, "countDeliveries">,
): Message | undefined {
  const message = cursor.next();
  if (message) {
    metrics.countDeliveries(1);
    return message;
  }
  return nextPresence(cursor);
}

/** The next presence event that a cursor has for its reader, if any. */
export function nextPresence(cursor: Cursor): Message | undefined {
  const event = cursor.nextPresence();
  return (
    event &&
    create(MessageSchema, {
      id: "presence",
      user: event.user,
      content: event.type === "join" ? `${event.user} joined` : `${event.user} left`,
      room: cursor.room.name,
      timestamp: timestampFromMs(event.atMs),
      type: event.type === "join" ? MessageType.JOIN : MessageType.LEAVE,
      sequence: BigInt(cursor.position),
    })
  );
}
