import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs, timestampNow } from "@bufbuild/protobuf/wkt";
import { frameMessages } from "@parley/host/envelope";
import { type Message, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import type { FramesToWrite } from "../log/frames.ts";
import type { Cursor } from "../rooms/cursor.ts";
import type { PresenceEvent } from "../rooms/presence.ts";
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

/** The message that says: still here, and nothing newer than what was sent. */
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
 * Takes what a cursor has at hand for its reader: messages of the room, else a presence
 * event, else nothing.
 *
 * @throws MessageLogError as `Cursor.nextFrames` does
 */
export function takeFrames(
  cursor: Cursor,
  metrics: Pick<Metrics, "countDeliveries">,
): FramesToWrite | undefined {
  const frames = cursor.nextFrames();
  if (frames) {
    metrics.countDeliveries(frames.messageCount);
    return frames;
  }
  const event = cursor.nextPresence();
  return event && { bytes: frameOf(presence(cursor, event)), messageCount: 1 };
}

/** The message that says who came or left. */
function presence(cursor: Cursor, { type, user, atMs }: PresenceEvent): Message {
  return create(MessageSchema, {
    id: "presence",
    user,
    content: type === "join" ? `${user} joined` : `${user} left`,
    room: cursor.room.name,
    timestamp: timestampFromMs(atMs),
    type: type === "join" ? MessageType.JOIN : MessageType.LEAVE,
    sequence: BigInt(cursor.position),
  });
}

/** The message that a Chat stream gets every few seconds. */
export function alive(): Message {
  return create(MessageSchema, {
    id: `server_${Math.floor(Date.now() / 1_000)}`,
    user: "Server",
    content: "Server is alive!",
    timestamp: timestampNow(),
    type: MessageType.SYSTEM,
  });
}

/** One message, ready for the wire. */
export function frameOf(message: Message): Buffer {
  return frameMessages([toBinary(MessageSchema, message)]);
}
