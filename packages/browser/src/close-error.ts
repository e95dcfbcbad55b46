import { Code, ConnectError } from "@connectrpc/connect";

/** What a WebSocket says of its end; see RFC 6455, section 7.4. */
export interface CloseReason {
  readonly code: number;
  readonly reason: string;
}

/**
 * The error of a call whose socket closed before the end of the response. What is not
 * said by the server to be otherwise is UNAVAILABLE: a connection that was refused or
 * lost, a server that goes away, a response that was cut short.
 */
export function closeError(
  { code, reason }: CloseReason,
  url: string,
  wasOpen: boolean,
): ConnectError {
  if (!wasOpen) {
    // All that a page is told of an upgrade that failed.
    return new ConnectError(
      `no WebSocket to ${url}: the server cannot be reached, or refused it`,
      Code.Unavailable,
    );
  }
  const detail = reason ? `: ${reason}` : "";
  return new ConnectError(
    `the WebSocket closed before the end of the response (${code})${detail}`,
    codes.get(code) ?? Code.Unavailable,
  );
}

const codes: ReadonlyMap<number, Code> = new Map([
  // Protocol error, unsupported data, invalid text: one of the two sides has a fault.
  [1002, Code.Internal],
  [1003, Code.Internal],
  [1007, Code.Internal],
  // Policy violation.
  [1008, Code.PermissionDenied],
  // Message too big.
  [1009, Code.ResourceExhausted],
  // Internal error.
  [1011, Code.Internal],
]);
