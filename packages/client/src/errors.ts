import { Code, ConnectError } from "@connectrpc/connect";
import { PositionOutOfRangeSchema } from "@parley/proto/chat/v1";
import { isConnectionFailure } from "./connection-failure.ts";
import type { Position } from "./position.ts";

/**
 * The log does not hold everything after the position asked for: it was wiped,
 * restored from an older copy or trimmed by retention. The caller decides
 * whether to go on from `oldest` and accept the gap; asking again for the same
 * position fails again.
 *
 * A `ConnectError` with code `OutOfRange`.
 */
export class PositionOutOfRangeError extends ConnectError {
  /** The oldest position available: after it the log holds everything. */
  readonly oldest: Position;
  /** The position of the newest message. */
  readonly head: Position;

  constructor(error: ConnectError, oldest: Position, head: Position) {
    super(error.rawMessage, error.code, error.metadata, undefined, error);
    this.details = error.details;
    this.oldest = oldest;
    this.head = head;
  }

  // ConnectError recognises any value of its shape, and a subclass would inherit that.
  static override [Symbol.hasInstance](value: unknown): boolean {
    return Function.prototype[Symbol.hasInstance].call(PositionOutOfRangeError, value);
  }
}

/**
 * An upload failed. Messages that were sent may have been stored, all or some:
 * those that had idempotency keys can be uploaded again with the same ones, and
 * are stored once.
 *
 * A `ConnectError` with the code of its `cause`.
 */
export class UploadError extends ConnectError {
  /** How many messages the transport had taken. The rest was not sent. */
  readonly sent: number;

  constructor(error: ConnectError, sent: number) {
    super(error.rawMessage, error.code, error.metadata, undefined, error);
    this.details = error.details;
    this.sent = sent;
  }

  // As above.
  static override [Symbol.hasInstance](value: unknown): boolean {
    return Function.prototype[Symbol.hasInstance].call(UploadError, value);
  }
}

/**
 * Turns what a call threw into the error that callers of this package see: a
 * connection that failed is `Unavailable`, whatever the transport called it.
 *
 * @param signal - the caller's: what it aborted is `Canceled`
 */
export function clientError(reason: unknown, signal?: AbortSignal): ConnectError {
  const error = ConnectError.from(reason);
  if (signal?.aborted) {
    return error;
  }
  if (isConnectionFailure(error)) {
    const message = `the connection failed: ${error.rawMessage}`;
    return new ConnectError(message, Code.Unavailable, undefined, undefined, error);
  }
  if (error.code !== Code.OutOfRange) {
    return error;
  }
  const detail = error.findDetails(PositionOutOfRangeSchema)[0];
  return detail?.oldest && detail.head
    ? new PositionOutOfRangeError(error, detail.oldest, detail.head)
    : error;
}
