import type { Socket } from "node:net";

/** What the first bytes of a connection announce. */
export type WireProtocol = "http/1" | "http/2";

// The connection preface starts with "PRI * HTTP/2.0", a method that HTTP/1 will
// never use: https://www.rfc-editor.org/rfc/rfc9113#section-3.4
const prefaceStart = "PRI";

/**
 * Waits for the first bytes of a connection, puts them back, and calls
 * `onProtocol` once, in the same turn, with what they announce. The caller then
 * owns the socket: nothing of this function is left on it.
 *
 * A connection that ends, or that sends nothing for `timeoutMs`, before it has
 * sent enough to tell is destroyed, and `onProtocol` is never called. A
 * `timeoutMs` of 0 waits without limit.
 */
export function peekPreface(
  socket: Socket,
  timeoutMs: number,
  onProtocol: (protocol: WireProtocol) => void,
): void {
  let received: Buffer = Buffer.alloc(0);
  const abandon = () => socket.destroy();
  const onReadable = () => {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) {
      return;
    }
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const start = received.toString("latin1", 0, prefaceStart.length);
    if (start.length < prefaceStart.length && prefaceStart.startsWith(start)) {
      return;
    }
    socket.off("readable", onReadable).off("end", abandon).off("timeout", abandon);
    socket.setTimeout(0);
    socket.unshift(received);
    onProtocol(start === prefaceStart ? "http/2" : "http/1");
  };
  socket.on("readable", onReadable).on("end", abandon).on("timeout", abandon);
  socket.setTimeout(timeoutMs);
}
