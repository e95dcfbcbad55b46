import { ConnectError } from "@connectrpc/connect";
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
