import { createClient, type Transport } from "@connectrpc/connect";
import {
  ChatService,
  type ListMessagesResponse,
  type ListRoomsResponse,
  type Message,
  type Metric,
  type Room,
} from "@parley/proto/chat/v1";
import { callOptions } from "./calls/call-options.ts";
import { type ChatMessage, chat } from "./chat/chat.ts";
import { type ChatClientOptions, resolveOptions } from "./chat-client-options.ts";
import {
  type MetricsOptions,
  type MetricsRequest,
  streamMetrics,
} from "./metrics/stream-metrics.ts";
import {
  type HistoryRequest,
  history,
  type ListMessagesRequest,
  type ListRoomsRequest,
  listMessages,
  listRooms,
  rooms,
} from "./pages/pages.ts";
import { type OutgoingMessage, type SendResult, sendMessage } from "./send/send-message.ts";
import { ResumingSharedStream } from "./shared-stream/resuming-shared-stream.ts";
import type { SharedStream, SharedStreamOptions } from "./shared-stream/shared-stream.ts";
import { ResumingSubscription } from "./subscription/resuming-subscription.ts";
import type {
  SubscribeOptions,
  SubscribeRequest,
  Subscription,
} from "./subscription/subscription.ts";
import {
  type UploadMessage,
  type UploadOptions,
  type UploadResult,
  uploadMessages,
} from "./upload/upload-messages.ts";

/** Options that every method takes. */
export interface AbortOptions {
  /**
   * Cancels the call at once. What returns a promise rejects with a
   * `ConnectError` of code `Canceled`, and so does an iteration of pages, which
   * would otherwise look complete. An iteration of a stream, which has no end of
   * its own, ends quietly.
   */
  signal?: AbortSignal | undefined;
}

/**
 * A client of a Parley server.
 *
 * Every failure of a call is a `ConnectError`; its code and details are those of
 * the contract (`chat.v1.ChatService`). A connection that was refused, lost or
 * cut short is `Unavailable` over every transport, with the transport's error as
 * the cause.
 */
export interface ChatClient {
  /**
   * Sends one message. When this resolves, the message is on the server's disk,
   * once, however many tries it took.
   *
   * Tries again, with the same idempotency key, after `Unavailable`, a missed
   * deadline, and a `ResourceExhausted` that says when to
   * come back, for `retryForMs` in all. Content that is too large is not even
   * sent. Rejects with the last try's error: when
   * that is one of these, the message may have been stored; sending it again
   * with an idempotency key of your own stores it once.
   */
  send(message: OutgoingMessage, options?: AbortOptions): Promise<SendResult>;

  /**
   * Sends all messages over one stream, in order. When this resolves, all of
   * them are on the server's disk. The iterable is read no faster than the
   * server stores: at most a few messages ahead, by flow control.
   *
   * Is not tried again, for the iterable is consumed. Rejects with an
   * `UploadError`, which tells how many messages were sent, or with what the
   * iterable itself threw. The iterable's `return()` is called, not awaited,
   * when the upload ends before it does. Messages have the idempotency keys that
   * the iterable gives them, and no others.
   *
   * Needs a transport that can stream a request; `fetch` in browsers cannot.
   */
  upload(
    messages: Iterable<UploadMessage> | AsyncIterable<UploadMessage>,
    options?: UploadOptions,
  ): Promise<UploadResult>;

  /**
   * Reads a room from a position, or from now on, over as many connections as it
   * takes: every message once and in order. See `Subscription`.
   */
  subscribe(request: SubscribeRequest, options?: SubscribeOptions): Subscription;

  /**
   * Returns one page of a room's history, oldest message first.
   *
   * Rejects with a `PositionOutOfRangeError` when the log does not hold what
   * follows the position.
   */
  listMessages(request: ListMessagesRequest, options?: AbortOptions): Promise<ListMessagesResponse>;

  /**
   * Iterates a room's history from a position to the newest message, oldest
   * first, one page in memory at a time. Throws as `listMessages` rejects.
   */
  history(request: HistoryRequest, options?: AbortOptions): AsyncIterable<Message>;

  /** Returns one page of the rooms, by name. */
  listRooms(request?: ListRoomsRequest, options?: AbortOptions): Promise<ListRoomsResponse>;

  /** Iterates all rooms, by name, one page in memory at a time. */
  rooms(request?: Pick<ListRoomsRequest, "pageSize">, options?: AbortOptions): AsyncIterable<Room>;

  /**
   * Iterates what the server measures of itself, once, over as many connections as
   * it takes; what it measures between two streams is not made up for. Throws a
   * `ConnectError` that trying again cannot mend.
   */
  streamMetrics(request?: MetricsRequest, options?: MetricsOptions): AsyncIterable<Metric>;

  /**
   * Chats over one stream that can hold many rooms, as the contract describes.
   * Neither reconnects nor resumes. When the consumer breaks out the stream is
   * cancelled; whenever it ends, the `return()` of `messages` is called.
   *
   * Needs a transport that is full-duplex; `fetch` in browsers is not.
   */
  chat(
    messages: Iterable<ChatMessage> | AsyncIterable<ChatMessage>,
    options?: AbortOptions,
  ): AsyncIterable<Message>;

  /**
   * Makes a stream that a user's subscriptions to many rooms share, and what the
   * user says there; it reconnects and resumes. For conversations, and for browsers,
   * which have six connections to a server over HTTP/1.1, of all their pages together. See `SharedStream`. Throws a
   * TypeError for a name that no user can have.
   *
   * Needs a transport that is full-duplex, as `chat` does.
   */
  shareStream(options: SharedStreamOptions): SharedStream;
}

/**
 * Makes a client on a Connect transport of any kind. What concerns every call,
 * such as an authorization header, is an interceptor of that transport.
 *
 * Throws a RangeError for an option that makes no sense.
 */
export function createChatClient(transport: Transport, options?: ChatClientOptions): ChatClient {
  const client = createClient(ChatService, transport);
  const resolved = resolveOptions(options);
  const { timeoutMs } = resolved;
  return {
    send: (message, { signal } = {}) => sendMessage(client, resolved, message, signal),
    upload: (messages, uploadOptions = {}) => uploadMessages(client, messages, uploadOptions),
    subscribe: (request, subscribeOptions = {}) =>
      new ResumingSubscription(client, resolved, request, subscribeOptions),
    listMessages: (request, { signal } = {}) =>
      listMessages(client, request, callOptions(signal, timeoutMs)),
    history: (request, { signal } = {}) => history(client, request, callOptions(signal, timeoutMs)),
    listRooms: (request = {}, { signal } = {}) =>
      listRooms(client, request, callOptions(signal, timeoutMs)),
    rooms: (request = {}, { signal } = {}) =>
      rooms(client, request, callOptions(signal, timeoutMs)),
    streamMetrics: (request = {}, metricsOptions = {}) =>
      streamMetrics(client, resolved, request, metricsOptions),
    chat: (messages, { signal } = {}) => chat(client, messages, signal),
    shareStream: (streamOptions) => new ResumingSharedStream(client, resolved, streamOptions),
  };
}
