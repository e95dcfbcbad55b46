import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectError } from "@connectrpc/connect";
import { RetryInfoSchema } from "@parley/proto/google/rpc/error_details";

/**
 * Whether a try that failed so may succeed when repeated with the same
 * idempotency key or position. A caller looks at its own signal first: a try
 * that it cancelled itself fails with Canceled, too.
 */
export function isRetryable(error: ConnectError): boolean {
  switch (error.code) {
    // The server drains, a proxy found no server, or nobody listens.
    case Code.Unavailable:
    // The deadline of one try; whoever retries has its own for all of them.
    case Code.DeadlineExceeded:
    // What connect-node makes of a connection that was lost: HTTP/2 closes its
    // streams with CANCEL, HTTP/1.1 fails with ECONNRESET. The server itself
    // sends neither to a caller that is still there.
    case Code.Canceled:
    case Code.Aborted:
      return true;
    // A rate limit says when to come back; a message that is too large never
    // gets smaller.
    case Code.ResourceExhausted:
      return retryDelayMs(error) !== undefined || isBrokenStream(error);
    // Answers of the server, unless the transport made them up for a connection
    // that failed.
    case Code.Internal:
    case Code.Unknown:
      return isConnectionFailure(error) || isBrokenStream(error);
    case Code.InvalidArgument:
      return isBrokenStream(error);
    default:
      return false;
  }
}

/** How long the server asks to wait before the next try, in milliseconds. */
export function retryDelayMs(error: ConnectError): number | undefined {
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay && Math.max(0, durationMs(delay));
}

// What the network layer threw is the cause of the error; an error that the
// server sent has none. Connect's JSON codec leaves a cause, too.
function isConnectionFailure(error: ConnectError): boolean {
  return error.cause !== undefined && !/^cannot (en|de)code /.test(error.rawMessage);
}

// A response that stops in the middle comes out of Connect's protocols as one of
// these, with a code that depends on the protocol and no cause. An error that
// the server sent has response headers or trailers; these have none.
const brokenStream = /^(protocol error: (missing|incomplete|promised)|http\/2 stream closed)/;

function isBrokenStream(error: ConnectError): boolean {
  return brokenStream.test(error.rawMessage) && error.metadata.keys().next().done === true;
}
