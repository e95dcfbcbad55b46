import { toBinary } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { frameMessages } from "@parley/host/envelope-reader";
import { type FrameSink, type FrameStream, writeFrames } from "@parley/host/frame-stream";
import { type Message, MessageSchema, type SubscribeRequest } from "@parley/proto/chat/v1";
import {
  type ChatContext,
  onEnding,
  resolvePosition,
  throwIfEnding,
  toConnectError,
} from "./chat-context.ts";
import type { Cursor } from "./cursor.ts";
import { Notifier } from "./notifier.ts";
import { heartbeat, nextPresence, takeNext, welcome } from "./room-messages.ts";

/**
 * One call of SubscribeMessages. What its reader takes one at a time it can also write
 * as frames, which all readers of the room share: then a message costs a reader no more
 * than its part of a write.
 */
export class SubscriptionStream implements FrameStream<Message> {
  readonly #context: ChatContext;
  readonly #request: SubscribeRequest;
  readonly #signal: AbortSignal;
  readonly #heartbeatMs: number;

  constructor(context: ChatContext, request: SubscribeRequest, signal: AbortSignal) {
    this.#context = context;
    this.#request = request;
    this.#signal = signal;
    this.#heartbeatMs = request.heartbeat
      ? durationMs(request.heartbeat)
      : Number.POSITIVE_INFINITY;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message> {
    const notifier = new Notifier();
    const stopNotifying = onEnding(notifier.notify, this.#signal, this.#context);
    let cursor: Cursor | undefined;
    try {
      cursor = await this.#open(notifier.notify);
      let sentAtMs = performance.now();
      yield welcome(cursor, this.#request.user, this.#context.log.epoch);
      for (;;) {
        let message = takeNext(cursor, this.#context.metrics);
        if (!message) {
          throwIfEnding(this.#signal, this.#context, cursor.caughtUp);
          const remainingMs = sentAtMs + this.#heartbeatMs - performance.now();
          if (remainingMs > 0) {
            await notifier.wait(remainingMs);
            continue;
          }
          message = heartbeat(cursor);
        }
        yield message;
        sentAtMs = performance.now();
      }
    } catch (error) {
      throw toConnectError(error, this.#context);
    } finally {
      stopNotifying();
      cursor?.close();
    }
  }

  async [writeFrames](sink: FrameSink): Promise<void> {
    const ended = Promise.withResolvers<never>();
    // It may end while it is being opened, and not be awaited any more.
    ended.promise.catch(() => {});
    let cursor: Cursor | undefined;
    let sentAtMs = performance.now();
    let timer: NodeJS.Timeout | undefined;

    const write = (bytes: Uint8Array, messageCount: number) => {
      sink.write(bytes, messageCount);
      sentAtMs = performance.now();
    };
    const writeMessage = (message: Message) => {
      write(frameMessages([toBinary(MessageSchema, message)]), 1);
    };
    // Runs in the turn in which the room has something new, or the sink can take more.
    const pump = () => {
      try {
        while (cursor && !sink.isFull) {
          const frames = cursor.nextFrames();
          if (frames) {
            this.#context.metrics.countDeliveries(frames.messageCount);
            write(frames.bytes, frames.messageCount);
            continue;
          }
          const presence = nextPresence(cursor);
          if (!presence) {
            break;
          }
          writeMessage(presence);
        }
        throwIfEnding(this.#signal, this.#context, cursor?.caughtUp);
      } catch (error) {
        ended.reject(error);
      }
    };
    const beat = () => {
      const remainingMs = sentAtMs + this.#heartbeatMs - performance.now();
      if (remainingMs <= 0 && cursor && !sink.isFull) {
        writeMessage(heartbeat(cursor));
      }
      timer = setTimeout(beat, remainingMs > 0 ? remainingMs : this.#heartbeatMs);
    };

    const stopPumping = onEnding(pump, this.#signal, this.#context);
    try {
      cursor = await this.#open(pump);
      writeMessage(welcome(cursor, this.#request.user, this.#context.log.epoch));
      sink.onDrain = pump;
      if (Number.isFinite(this.#heartbeatMs)) {
        timer = setTimeout(beat, this.#heartbeatMs);
      }
      pump();
      await ended.promise;
    } catch (error) {
      throw toConnectError(error, this.#context);
    } finally {
      stopPumping();
      clearTimeout(timer);
      sink.onDrain = undefined;
      cursor?.close();
    }
  }

  async #open(onChange: () => void): Promise<Cursor> {
    const { room, user, after, presence } = this.#request;
    const start = after ? await resolvePosition(this.#context, room, after, "after") : "head";
    return this.#context.rooms.subscribe({ room, user, start, presence, onChange });
  }
}
