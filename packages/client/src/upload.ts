import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { type Client, ConnectError } from "@connectrpc/connect";
import type { ChatService, MessageSchema } from "@parley/proto/chat/v1";
import { callOptions, noDeadlineMs } from "./call-options.ts";
import { UploadError } from "./errors.ts";
import { randomKey } from "./idempotency-key.ts";
import type { OutgoingMessage } from "./send.ts";

/** A message to upload. */
export interface UploadMessage extends OutgoingMessage {
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
  const source = createSource(messages, options.onProgress);
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
    throw new UploadError(ConnectError.from(reason), source.sent);
  } finally {
    source.close();
  }
}

type MessageInit = MessageInitShape<typeof MessageSchema>;

interface Source extends AsyncIterable<MessageInit> {
  readonly sent: number;
  /** What the caller's own code threw, as it threw it. */
  readonly failure: { readonly reason: unknown } | undefined;
  close(): void;
}

// Written out, not an async generator: a generator that waits for its source
// cannot be told to stop.
function createSource(
  messages: Iterable<UploadMessage> | AsyncIterable<UploadMessage>,
  onProgress: UploadOptions["onProgress"],
): Source {
  const iterator = iterate(messages);
  const uploadId = randomKey();
  let taken = 0;
  let sent = 0;
  let ended = false;
  let failure: { reason: unknown } | undefined;

  async function next(): Promise<IteratorResult<MessageInit, undefined>> {
    try {
      // Being asked for the next message means that the last one was taken.
      if (sent < taken) {
        sent = taken;
        onProgress?.(sent);
      }
      if (ended) {
        return { done: true, value: undefined };
      }
      const result = await iterator.next();
      if (result.done) {
        ended = true;
        return { done: true, value: undefined };
      }
      return { done: false, value: toMessage(result.value, `${uploadId}-${taken++}`) };
    } catch (reason) {
      failure = { reason };
      throw reason;
    }
  }

  function close(): void {
    if (!ended) {
      ended = true;
      // Not awaited: an iterator that waits for its own source may never answer.
      void Promise.resolve(iterator.return?.()).catch(() => {});
    }
  }

  return {
    get sent() {
      return sent;
    },
    get failure() {
      return failure;
    },
    close,
    [Symbol.asyncIterator]: () => ({
      next,
      async return() {
        close();
        return { done: true, value: undefined };
      },
    }),
  };
}

function iterate<T>(items: Iterable<T> | AsyncIterable<T>): AsyncIterator<T> | Iterator<T> {
  return Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
}

function toMessage(message: UploadMessage, key: string): MessageInit {
  const { room, user, content, timestamp } = message;
  return {
    room,
    user,
    content,
    idempotencyKey: message.idempotencyKey || key,
    ...(timestamp && { timestamp: timestampFromDate(timestamp) }),
  };
}
