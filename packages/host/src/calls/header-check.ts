import { Code, ConnectError } from "@connectrpc/connect";

// https://www.rfc-editor.org/rfc/rfc9113#section-8.2.2: they are about a connection of HTTP/1.
const ofTheConnection = [
  "connection",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
];

/**
 * Takes what no response of HTTP/2 may have out of headers or trailers that a handler has
 * set, and returns the error that its caller is told for it, if there was anything: Node
 * throws for such a response in place of sending it.
 */
export function takeUnsendable(header: Headers): ConnectError | undefined {
  let error: ConnectError | undefined;
  for (const name of ofTheConnection) {
    if (header.has(name)) {
      header.delete(name);
      error ??= unsendable(new Error(`a handler set the header "${name}", which HTTP/2 forbids`));
    }
  }
  return error;
}

/** What the caller of a handler is told whose response cannot be sent. */
export function unsendable(cause: unknown): ConnectError {
  return new ConnectError(
    "the response cannot be sent",
    Code.Internal,
    undefined,
    undefined,
    cause,
  );
}
