import { durationMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import { createFrameStream } from "@parley/host/create-frame-stream";
import type { FrameSink, FrameSource, FrameStream } from "@parley/host/frame-stream";
import { type Message, MessageSchema, type SubscribeRequest } from "@parley/proto/chat/v1";
import type { Cursor, CursorReader } from "../rooms/cursor.ts";
import { type ChatContext, resolvePosition, toConnectError } from "./chat-context.ts";
import type { DrainListener } from "./server-drain.ts";
import { frameOf, heartbeat, takeFrames, welcome } from "./server-messages.ts";

/** Creates the responses of one call of SubscribeMessages. */
export function createSubscription(
  context: ChatContext,
  request: SubscribeRequest,
  call: Pick<HandlerContext, "signal">,
): FrameStream<Message> {
  return createFrameStream(
    MessageSchema,
    (sink) => void new Subscription(context, request, sink),
    call,
  );
}

/**
 * Writes one subscription. It acts in the turn in which the room has something new, or the
 * sink can take more; in between it is one object that waits, since most subscriptions are
 * idle most of the time.
 */
class Subscription implements CursorReader, FrameSource, DrainListener {
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
    this.#heartbeatMs = request.heartbeat
      ? durationMs(request.heartbeat)
      : Number.POSITIVE_INFINITY;
    sink.source = this;
    context.drain.add(this);
    // Whatever it throws ends the call.
    this.#open(request).catch((error) => this.#fail(error));
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

  async #open({ room, user, after, presence }: SubscribeRequest): Promise<void> {
    const start = after ? await resolvePosition(this.#context, room, after, "after") : "head";
    const cursor = await this.#context.rooms.subscribe({
      room,
      user,
      start,
      presence,
      reader: this,
    });
    if (this.#hasEnded) {
      cursor.close();
      return;
    }
    this.#cursor = cursor;
    this.#write(frameOf(welcome(cursor, user, this.#context.log.epoch)), 1);
    if (Number.isFinite(this.#heartbeatMs)) {
      this.#timer = setTimeout(beat, this.#heartbeatMs, this);
    }
    this.#pump();
  }

  #pump(): void {
    const cursor = this.#cursor;
    if (!cursor) {
      return;
    }
    try {
      while (!this.#hasEnded && !this.#sink.isFull) {
        const frames = takeFrames(cursor, this.#context.metrics);
        if (!frames) {
          break;
        }
        this.#write(frames.bytes, frames.messageCount);
      }
      if (cursor.caughtUp) {
        this.#context.drain.throwIfBegun();
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Says that there is nothing new, if that is so and it has been silent. */
  beat(): void {
    const remainingMs = this.#sentAtMs + this.#heartbeatMs - performance.now();
    // Not while a page of history loads: a heartbeat tells its reader that it has everything.
    if (remainingMs <= 0 && this.#cursor?.caughtUp && !this.#sink.isFull) {
      this.#write(frameOf(heartbeat(this.#cursor)), 1);
    }
    this.#timer = setTimeout(beat, remainingMs > 0 ? remainingMs : this.#heartbeatMs, this);
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
    this.#timer = undefined;
    this.#cursor?.close();
    this.#cursor = undefined;
  }
}

function beat(subscription: Subscription): void {
  subscription.beat();
}
