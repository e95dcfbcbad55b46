import { timestampDate } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import type { ChatService } from "@parley/proto/chat/v1";
import { createBackoff } from "../calls/backoff.ts";
import { callOptions } from "../calls/call-options.ts";
import { clientError } from "../calls/client-error.ts";
import { delay } from "../calls/delay.ts";
import { isRetryable } from "../calls/is-retryable.ts";
import type { ResolvedOptions } from "../chat-client-options.ts";
import { checkContentSize } from "./check-content-size.ts";
import { randomKey } from "./random-key.ts";

/** A message to send. */
export interface OutgoingMessage {
  /** The room to append to. 1 to 128 characters. */
  room: string;
  /** Who sends the message. 1 to 128 characters. */
  user: string;
  /** The text. At least one character, at most 10 MiB less 4 KiB. */
  content: string;
  /**
   * At most 128 characters. The server stores a message of the same key, user
   * and room only once. Default: a random one.
   */
  idempotencyKey?: string | undefined;
}

/** A message that is on the server's disk. */
export interface SendResult {
  /** The id that the server gave the message. */
  messageId: string;
  /** The message's sequence in its room. */
  sequence: bigint;
  /** When the server took the message. */
  timestamp: Date;
}

/** Sends one message, trying again until it is stored, refused or out of time. */
export async function sendMessage(
  client: Client<typeof ChatService>,
  options: ResolvedOptions,
  message: OutgoingMessage,
  signal: AbortSignal | undefined,
): Promise<SendResult> {
  checkContentSize(message.content);
  const request = {
    room: message.room,
    user: message.user,
    content: message.content,
    idempotencyKey: message.idempotencyKey || randomKey(),
  };
  const backoff = createBackoff(options.backoff);
  const giveUpAtMs = performance.now() + options.retryForMs;
  for (;;) {
    try {
      const stored = await client.sendMessage(request, callOptions(signal, options.timeoutMs));
      return {
        messageId: stored.messageId,
        sequence: stored.sequence,
        timestamp: stored.timestamp ? timestampDate(stored.timestamp) : new Date(),
      };
    } catch (reason) {
      const error = clientError(reason, signal);
      const waitMs = backoff.next(error);
      // Not to wait for a try that there will be no time for.
      if (signal?.aborted || performance.now() + waitMs > giveUpAtMs || !isRetryable(error)) {
        throw error;
      }
      await delay(waitMs, signal);
      if (signal?.aborted) {
        throw ConnectError.from(signal.reason, Code.Canceled);
      }
    }
  }
}
