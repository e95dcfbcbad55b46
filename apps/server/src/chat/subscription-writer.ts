import { toBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { frameMessages } from "@parley/host/envelope";
import type { FrameSink, FrameSource } from "@parley/host/frame-stream";
import { type Message, MessageSchema, type SubscribeRequest } from "@parley/proto/chat/v1";
import type { Cursor, CursorReader } from "../rooms/cursor.ts";
import { type ChatContext, resolvePosition, toConnectError } from "./chat-context.ts";
import type { DrainListener } from "./server-drain.ts";
import { heartbeat, nextPresence, welcome } from "./server-messages.ts";

/** Opens the cursor that a request for a subscription asks for. */
export async function openCursor(
  context: ChatContext,
  { room, user, after, presence }: SubscribeRequest,
  reader: CursorReader,
): Promise<Cursor> {
  const start = after ? await resolvePosition(context, room, after, "after") : "head";
  return context.rooms.subscribe({ room, user, start, presence, reader });
}

/** How long a subscription may be silent, in milliseconds. */
export function heartbeatOf({ heartbeat }: SubscribeRequest): number {
  return heartbeat ? durationMs(heartbeat) : Number.POSITIVE_INFINITY;
}

/**
 * Writes one subscription as frames. It acts in the turn in which the room has something
 * new, or the sink can take more; in between it is one object that waits, since most
 * subscriptions are idle most of the time.
 */
export class SubscriptionWriter implements CursorReader, FrameSource, DrainListener {
  readonly #context: ChatContext;
  readonly #sink: FrameSink;
  readonly #heartbeatMs: number;
  #cursor: Cursor | undefined;
  #sentAtMs = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(context: ChatContext, request: SubscribeRequest, sink: FrameSink) {
    this.#context = context;
    this.#sink = sink;
    this.#heartbeatMs = heartbeatOf(request);
    sink.source = this;
    context.drain.add(this);
    this.#open(request);
  }

  // Why there may be something to write.

  onChange(): void {
    this.#pump();
  }

  onDrain(): void {
    this.#pump();
  }

  onServerDrain(): void {
    this.#pump();
  }

  onClose(): void {
    this.#close();
  }

  async #open(request: SubscribeRequest): Promise<void> {
    try {
      const cursor = await openCursor(this.#context, request, this);
      if (this.#hasEnded) {
        cursor.close();
        return;
      }
      this.#cursor = cursor;
      this.#writeMessage(welcome(cursor, request.user, this.#context.log.epoch));
      if (Number.isFinite(this.#heartbeatMs)) {
        this.#timer = setTimeout(beat, this.#heartbeatMs, this);
      }
      this.#pump();
    } catch (error) {
      this.#fail(error);
    }
  }

  #pump(): void {
    const cursor = this.#cursor;
    if (!cursor) {
      return;
    }
    try {
      while (!this.#hasEnded && !this.#sink.isFull) {
        const frames = cursor.nextFrames();
        if (frames) {
          this.#context.metrics.countDeliveries(frames.messageCount);
          this.#write(frames.bytes, frames.messageCount);
          continue;
        }
        const presence = nextPresence(cursor);
        if (!presence) {
          break;
        }
        this.#writeMessage(presence);
      }
      if (cursor.caughtUp) {
        this.#context.drain.throwIfBegun();
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Says that it is still here, if it has been silent. */
  beat(): void {
    const remainingMs = this.#sentAtMs + this.#heartbeatMs - performance.now();
    if (remainingMs <= 0 && this.#cursor && !this.#sink.isFull) {
      this.#writeMessage(heartbeat(this.#cursor));
    }
    this.#timer = setTimeout(beat, remainingMs > 0 ? remainingMs : this.#heartbeatMs, this);
  }

  #writeMessage(message: Message): void {
    this.#write(frameMessages([toBinary(MessageSchema, message)]), 1);
  }

  #write(bytes: Uint8Array, messageCount: number): void {
    this.#sink.write(bytes, messageCount);
    if (this.#timer) {
      // Only a heartbeat asks for it.
      this.#sentAtMs = performance.now();
    }
  }

  #fail(error: unknown): void {
    this.#close();
    this.#sink.fail(toConnectError(error, this.#context));
  }

  #close(): void {
    this.#hasEnded = true;
    this.#sink.source = undefined;
    this.#context.drain.delete(this);
    clearTimeout(this.#timer);
    this.#cursor?.close();
    this.#cursor = undefined;
  }
}

function beat(writer: SubscriptionWriter): void {
  writer.beat();
}
