import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { ChatService, Message } from "@parley/proto/chat/v1";
import { callOptions, noDeadlineMs } from "./call-options.ts";
import type { SubscribeRequest } from "./subscription.ts";

/** One stream of a subscription: it lives until it breaks. */
export interface MessageStream {
  /** Aborts when the stream is over. */
  readonly signal: AbortSignal;
  /**
   * The next message, whatever its type. Rejects when the stream breaks, ends
   * or is silent for twice the heartbeat while somebody waits here.
   */
  next(): Promise<Message>;
  /** Gives the stream up. */
  cancel(): void;
}

export function openMessageStream(
  client: Client<typeof ChatService>,
  request: SubscribeRequest,
  heartbeatMs: number,
): MessageStream {
  const controller = new AbortController();
  const messages = client
    .subscribeMessages(
      {
        room: request.room,
        user: request.user,
        presence: request.presence ?? false,
        heartbeat: durationFromMs(heartbeatMs),
        ...(request.after && {
          after: { epoch: request.after.epoch, sequence: request.after.sequence },
        }),
      },
      callOptions(controller.signal, noDeadlineMs),
    )
    [Symbol.asyncIterator]();
  const silenceMs = 2 * heartbeatMs;
  return {
    signal: controller.signal,
    async next() {
      // The timer runs only while waiting here: a reader that takes its time
      // says nothing about the stream.
      const timer = setTimeout(() => controller.abort(silence(silenceMs)), silenceMs);
      try {
        const result = await messages.next();
        if (result.done) {
          throw new ConnectError("the stream ended", Code.Unavailable);
        }
        return result.value;
      } finally {
        clearTimeout(timer);
      }
    },
    cancel: () => controller.abort(),
  };
}

function silence(ms: number): ConnectError {
  return new ConnectError(`the stream was silent for ${ms} ms`, Code.Unavailable);
}
