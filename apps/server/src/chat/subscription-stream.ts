import type { HandlerContext } from "@connectrpc/connect";
import { type FrameSink, type FrameStream, writeFrames } from "@parley/host/frame-stream";
import type { Message, SubscribeRequest } from "@parley/proto/chat/v1";
import type { Cursor } from "../rooms/cursor.ts";
import { type ChatContext, onEnding, throwIfEnding, toConnectError } from "./chat-context.ts";
import { Notifier } from "./notifier.ts";
import { heartbeat, takeNext, welcome } from "./server-messages.ts";
import { heartbeatOf, openCursor, SubscriptionWriter } from "./subscription-writer.ts";

/**
 * One call of SubscribeMessages. What its reader takes one at a time it can also write
 * as frames, which all readers of the room share: then a message costs a reader no more
 * than its part of a write.
 */
export class SubscriptionStream implements FrameStream<Message> {
  readonly #context: ChatContext;
  readonly #request: SubscribeRequest;
  readonly #call: Pick<HandlerContext, "signal">;

  constructor(
    context: ChatContext,
    request: SubscribeRequest,
    call: Pick<HandlerContext, "signal">,
  ) {
    this.#context = context;
    this.#request = request;
    this.#call = call;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message> {
    const { signal } = this.#call;
    const notifier = new Notifier();
    const stopNotifying = onEnding(notifier.notify, signal, this.#context);
    const heartbeatMs = heartbeatOf(this.#request);
    let cursor: Cursor | undefined;
    try {
      cursor = await openCursor(this.#context, this.#request, {
        onChange: notifier.notify,
      });
      let sentAtMs = performance.now();
      yield welcome(cursor, this.#request.user, this.#context.log.epoch);
      for (;;) {
        let message = takeNext(cursor, this.#context.metrics);
        if (!message) {
          throwIfEnding(signal, this.#context, cursor.caughtUp);
          const remainingMs = sentAtMs + heartbeatMs - performance.now();
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

  [writeFrames](sink: FrameSink): void {
    new SubscriptionWriter(this.#context, this.#request, sink);
  }
}
