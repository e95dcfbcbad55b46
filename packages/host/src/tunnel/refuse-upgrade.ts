import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

/** How long a client may take to close a connection on which it was refused. */
const lingerMs = 1_000;

/**
 * Answers an upgrade request with a plain HTTP response, its reason as text, and closes
 * the connection.
 */
export function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  const body = `${reason}\n`;
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once("close", () => clearTimeout(timer));
  socket.on("error", () => socket.destroy());
  // What the client still sends is read and dropped: unread, it would reset the connection
  // before the client has the answer.
  socket.once("end", () => socket.destroy());
  socket.resume();
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      "connection: close",
      "content-type: text/plain; charset=utf-8",
      `content-length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ].join("\r\n"),
  );
}
