import type { ConnectError } from "@connectrpc/connect";
import type { Message } from "@parley/proto/chat/v1";
import type { Position } from "./position.ts";
import type { SubscriptionState } from "./subscription.ts";

/**
 * One user's subscriptions to any number of rooms over one Chat stream, which is
 * opened with the first of them and again, after some time, wherever it broke.
 */
export interface SharedStream {
  readonly state: SharedStreamState;
  /**
   * Subscribes to a room, with presence. Throws a TypeError for a room that is
   * subscribed to already, a name that no room can have, a position without an
   * epoch, or a closed stream.
   */
  subscribe(request: SharedSubscriptionRequest): SharedSubscription;
  /** Opens the next stream now when it waits for the time of it. */
  retryNow(): void;
  /** Closes all subscriptions, and the stream. */
  close(): void;
}

/**
 * What a shared stream is doing.
 *
 * - `idle`: nothing was subscribed to yet.
 * - `connecting`: a stream is being opened.
 * - `open`: the server answered.
 * - `waiting`: the stream broke; the next one is opened at `retryAtMs`, in
 *   milliseconds since 1970, or at `retryNow`.
 * - `closed`: over, with the error that trying again cannot mend, if any.
 */
export type SharedStreamState =
  | { readonly name: "idle" }
  | { readonly name: "connecting" }
  | { readonly name: "open" }
  | { readonly name: "waiting"; readonly retryAtMs: number; readonly error: ConnectError }
  | { readonly name: "closed"; readonly error?: ConnectError };

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

/** Options of `ChatClient.shareStream`. */
export interface SharedStreamOptions {
  /** Who reads. 1 to 128 characters. */
  user: string;
  /** Told each change of the stream's state. */
  onStateChange?: ((state: SharedStreamState) => void) | undefined;
}
