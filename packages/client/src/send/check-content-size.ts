import { Code, ConnectError } from "@connectrpc/connect";

/** The most that the contract allows a message's content: 10 MiB less 4 KiB. */
export const maxContentBytes = 10_481_664;

/**
 * Throws a ConnectError of code ResourceExhausted for content that no server
 * takes. It is told here and not by the server, for a server stops reading such
 * a request in the middle, and over HTTP/2 what it left unread can hold up the
 * other calls of the connection.
 */
export function checkContentSize(content: string): void {
  // A UTF-16 unit is one to three bytes in UTF-8: hardly any content is counted.
  if (content.length * 3 <= maxContentBytes) {
    return;
  }
  const size = new TextEncoder().encode(content).byteLength;
  if (size > maxContentBytes) {
    throw new ConnectError(
      `the content is ${size} bytes long, at most ${maxContentBytes} are allowed`,
      Code.ResourceExhausted,
    );
  }
}
