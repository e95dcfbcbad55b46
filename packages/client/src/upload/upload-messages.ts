import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Client } from "@connectrpc/connect";
import type { ChatService, MessageSchema } from "@parley/proto/chat/v1";
import { callOptions, noDeadlineMs } from "../calls/call-options.ts";
import { clientError } from "../calls/client-error.ts";
import { createRequestSource } from "../calls/request-source.ts";
import { checkContentSize } from "../send/check-content-size.ts";
import type { OutgoingMessage } from "../send/send-message.ts";
import { UploadError } from "./upload-error.ts";

/** A message to upload. */
export interface UploadMessage extends OutgoingMessage {
  /**
   * At most 128 characters. Makes the message safe to upload again: the server
   * stores a message of the same key, user and room only once. Default: none. An
   * upload is not tried again by itself, and a key costs the server a look-up and
   * an entry of its index.
   */
  idempotencyKey?: string | undefined;
  /** When the message was made. Default: when the server takes it. */
  timestamp?: Date | undefined;
}

/** All messages of an upload are on the server's disk. */
export interface UploadResult {
  /** How many messages were uploaded, duplicates included. */
  messageCount: number;
  /** How many of them the server had already, by their idempotency key. */
  duplicateCount: number;
}

/** Options of `ChatClient.upload`. */
export interface UploadOptions {
  /** Cancels the upload. */
  signal?: AbortSignal | undefined;
  /** Told after each message how many the transport has taken. */
  onProgress?: ((sent: number) => void) | undefined;
}

/** Uploads what the source yields, one message at a time as the server takes them. */
export async function uploadMessages(
  client: Client<typeof ChatService>,
  messages: Iterable<UploadMessage> | AsyncIterable<UploadMessage>,
  options: UploadOptions,
): Promise<UploadResult> {
  const source = createRequestSource(messages, toMessage, options.onProgress);
  try {
    const { messageCount, duplicateCount } = await client.uploadMessages(
      source,
      callOptions(options.signal, noDeadlineMs),
    );
    return { messageCount, duplicateCount };
  } catch (reason) {
    if (source.failure) {
      throw source.failure.reason;
    }
    throw new UploadError(clientError(reason, options.signal), source.sent);
  } finally {
    source.close();
  }
}

function toMessage(message: UploadMessage): MessageInitShape<typeof MessageSchema> {
  const { room, user, content, idempotencyKey = "", timestamp } = message;
  checkContentSize(content);
  return {
    room,
    user,
    content,
    idempotencyKey,
    ...(timestamp && { timestamp: timestampFromDate(timestamp) }),
  };
}
