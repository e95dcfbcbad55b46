import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { ChatService, Message } from "@parley/proto/chat/v1";
import { callOptions, noDeadlineMs } from "./call-options.ts";
import type { SubscribeRequest } from "./subscription.ts";

/** One stream of messages: it lives until it breaks. */
export interface MessageStream {
  /** Aborts when the stream is over. */
  readonly signal: AbortSignal;
  /**
   * The next message, whatever its type. Rejects when the stream breaks, ends
   * or is silent for too long while somebody waits here.
   */
  next(): Promise<Message>;
  /** Gives the stream up. */
  cancel(): void;
}

/** Opens the stream of a subscription, given up when it misses two heartbeats. */
export function openMessageStream(
  client: Client<typeof ChatService>,
  request: SubscribeRequest,
  heartbeatMs: number,
): MessageStream {
  return watchStream(2 * heartbeatMs, (signal) =>
    client.subscribeMessages(
      {
        room: request.room,
        user: request.user,
        presence: request.presence ?? false,
        heartbeat: durationFromMs(heartbeatMs),
        ...(request.after && {
          after: { epoch: request.after.epoch, sequence: request.after.sequence },
        }),
      },
      callOptions(signal, noDeadlineMs),
    ),
  );
}

/** Opens a stream that is given up when it is silent for so long while its reader waits. */
export function watchStream(
  silenceMs: number,
  open: (signal: AbortSignal) => AsyncIterable<Message>,
): MessageStream {
  const controller = new AbortController();
  const messages = open(controller.signal)[Symbol.asyncIterator]();
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
