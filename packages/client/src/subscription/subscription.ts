import type { ConnectError } from "@connectrpc/connect";
import type { Message } from "@parley/proto/chat/v1";
import type { Position } from "../position/position.ts";

/** What to subscribe to. */
export interface SubscribeRequest {
  /** The room to read. 1 to 128 characters. */
  room: string;
  /** Who reads. 1 to 128 characters. */
  user: string;
  /** The position to start after. Default: only messages appended from now on. */
  after?: Position | undefined;
  /** Whether to receive JOIN and LEAVE messages. Default false. */
  presence?: boolean | undefined;
}

/**
 * A reader's cursor over a room, which outlives the connections that it needs.
 *
 * Iterating yields every message after the position once and in order, for one
 * consumer: a second iterator is refused with a TypeError. Nothing happens
 * before the first `next()`. Memory is constant: a consumer that is slow holds
 * the server back by flow control and misses nothing. While it works on a
 * message the stream is not looked at: that it broke shows at the next `next()`.
 *
 * Iteration ends quietly when the signal aborts or the consumer breaks out. It
 * throws a `ConnectError` that trying again cannot mend, a
 * `PositionOutOfRangeError` among them.
 */
export interface Subscription extends AsyncIterable<Message> {
  readonly state: SubscriptionState;
  /**
   * The position to resume after: of the last message that was yielded, or a
   * later one when the server said that there is nothing between. Undefined
   * until the first welcome of a subscription that starts from now on.
   */
  readonly position: Position | undefined;
}

/**
 * What a subscription is doing.
 *
 * - `connecting`: a stream is being opened.
 * - `catching-up`: messages are coming that were in the room before the stream
 *   was opened.
 * - `live`: every message that was in the room shortly after the stream was
 *   opened has been yielded. A subscription that starts from now on is live
 *   at once. A resumed one is live when it has passed the room's newest message,
 *   which it asks for with each stream until the server tells. Where the server
 *   refuses to, it stays `catching-up`.
 * - `waiting`: the stream broke; the next one is opened at `retryAtMs`, in
 *   milliseconds since 1970.
 * - `closed`: over, with the error that the iteration throws, if any.
 */
export type SubscriptionState =
  | { readonly name: "connecting" }
  | { readonly name: "catching-up" }
  | { readonly name: "live" }
  | { readonly name: "waiting"; readonly retryAtMs: number; readonly error: ConnectError }
  | { readonly name: "closed"; readonly error?: ConnectError };

/** Options of `ChatClient.subscribe`. */
export interface SubscribeOptions {
  /** Ends the iteration, quietly and at once. */
  signal?: AbortSignal | undefined;
  /** Told each change of the state. */
  onStateChange?: ((state: SubscriptionState) => void) | undefined;
}
