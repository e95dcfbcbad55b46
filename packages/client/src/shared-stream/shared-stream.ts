import type { Message } from "@parley/proto/chat/v1";
import type { Position } from "../position/position.ts";
import type { OutgoingMessage, SendResult } from "../send/send-message.ts";
import type { StreamState } from "../streams/stream-state.ts";
import type { SubscriptionState } from "../subscription/subscription.ts";

/**
 * One user's subscriptions to any number of rooms, and what the user says, over one
 * Chat stream, which is opened with the first of them and again, after some time,
 * wherever it broke.
 */
export interface SharedStream {
  readonly state: SharedStreamState;
  /**
   * Subscribes to a room, with presence. Throws a TypeError for a room that is
   * subscribed to already, a name that no room can have, a position without an
   * epoch, or a closed stream.
   */
  subscribe(request: SharedSubscriptionRequest): SharedSubscription;
  /**
   * Sends a message to any room, after those that were sent before it. When this
   * resolves, the message is on the server's disk, once, however many streams it
   * took. Each message is kept in memory until then: await some before you send
   * the next.
   *
   * A message that no stream has taken yet waits for one. Rejects with the error of
   * the stream when it closes, or when a message that a stream had taken was not
   * acknowledged for `retryForMs`: it may have been stored; sending it again
   * with an idempotency key of your own stores it once. Rejects with a TypeError
   * for what the server would refuse, and a closed stream.
   */
  send(message: SharedMessage): Promise<SharedSendResult>;
  /** Opens the next stream now when it waits for the time of it. */
  retryNow(): void;
  /** Closes all subscriptions, and the stream. What was not acknowledged is rejected. */
  close(): void;
}

/** What a shared stream is doing. It is `idle` until something is subscribed to or sent. */
export type SharedStreamState = { readonly name: "idle" } | StreamState;

/** What to subscribe to over a shared stream, and who listens. */
export interface SharedSubscriptionRequest {
  /** The room to read. 1 to 128 characters. */
  room: string;
  /**
   * The position to start after, such as the `head` or `oldest` of a page. Not
   * `oldestKept`: on a Chat stream a position has an epoch. Default: only messages
   * appended from now on.
   */
  after?: Position | undefined;
  /**
   * Told every message after the position, once and in order, and JOIN and LEAVE
   * messages. What it throws is reported as of an event listener.
   */
  onMessage: (message: Message) => void;
  /**
   * Told each change of the state. A subscription that closes by itself has the
   * error with it: a `PositionOutOfRangeError` above all.
   */
  onStateChange?: ((state: SubscriptionState) => void) | undefined;
}

/** A cursor over one room, which outlives the streams that it needs. */
export interface SharedSubscription {
  readonly room: string;
  readonly state: SubscriptionState;
  /** The position to resume after. Undefined until the first welcome, unless it was given one. */
  readonly position: Position | undefined;
  /** Ends the subscription: the listeners are told nothing after the state `closed`. */
  close(): void;
}

/** A message for `SharedStream.send`, of the stream's user. */
export type SharedMessage = Omit<OutgoingMessage, "user">;

/** A message that is on the server's disk. */
export type SharedSendResult = Pick<SendResult, "sequence">;

/** Options of `ChatClient.shareStream`. */
export interface SharedStreamOptions {
  /** Who reads. 1 to 128 characters. */
  user: string;
  /** Told each change of the stream's state. */
  onStateChange?: ((state: SharedStreamState) => void) | undefined;
}
