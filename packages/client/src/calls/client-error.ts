import { Code, ConnectError } from "@connectrpc/connect";
import { PositionOutOfRangeSchema } from "@parley/proto/chat/v1";
import { PositionOutOfRangeError } from "../position/position-out-of-range-error.ts";
import { isConnectionFailure } from "./is-connection-failure.ts";

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
