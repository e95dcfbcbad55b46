import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "@parley/proto/google/rpc/error_details";

/**
 * Whether a try that failed so, as {@link clientError} tells it, may succeed when
 * repeated with the same idempotency key or position.
 */
export function isRetryable(error: ConnectError): boolean {
  switch (error.code) {
    // The server drains, a proxy found no server, or the connection failed.
    case Code.Unavailable:
    // The deadline of one try; whoever retries has its own for all of them.
    case Code.DeadlineExceeded:
      return true;
    // A rate limit says when to come back; a message that is too large never
    // gets smaller.
    case Code.ResourceExhausted:
      return retryDelayMs(error) !== undefined;
    default:
      return false;
  }
}

/** How long the server asks to wait before the next try, in milliseconds. */
export function retryDelayMs(error: ConnectError): number | undefined {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay && Math.max(0, durationMs(delay));
}
