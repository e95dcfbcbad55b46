import { Code, type ConnectError } from "@connectrpc/connect";

/**
 * Whether a call failed for its connection: it was refused or lost, or the
 * response stopped in the middle. Transports give such failures many codes, some
 * of which a server uses as well. Not for a call that its caller cancelled.
 */
export function isConnectionFailure(error: ConnectError): boolean {
  switch (error.code) {
    // What connect-node makes of a connection that was lost: HTTP/2 closes its
    // streams with CANCEL, HTTP/1.1 fails with ECONNRESET. The server itself
    // sends neither to a caller that is still there.
    case Code.Canceled:
    case Code.Aborted:
      return true;
    // What connect-node and fetch make of most that the network layer throws,
    // which is then the cause. An error that the server sent has none; one of
    // Connect's JSON codec has.
    case Code.Internal:
    case Code.Unknown:
      return error.cause !== undefined
        ? !/^cannot (en|de)code /.test(error.rawMessage)
        : isBrokenResponse(error);
    case Code.InvalidArgument:
    case Code.ResourceExhausted:
      return isBrokenResponse(error);
    default:
      return false;
  }
}

// What Connect's protocols make of a response that stops in the middle, with a
// code that depends on the protocol and no cause. An error that the server sent
// has response headers or trailers; these have none.
function isBrokenResponse(error: ConnectError): boolean {
  return (
    /^(protocol error: (missing|incomplete|promised)|http\/2 stream closed)/.test(
      error.rawMessage,
    ) && error.metadata.keys().next().done === true
  );
}
