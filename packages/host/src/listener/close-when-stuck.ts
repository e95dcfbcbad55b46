import type { Socket } from "node:net";

/** How long a client that has ended its side may take nothing of what is written to it. */
const stuckTimeoutMs = 15_000;

/**
 * Closes a connection whose client has ended its side and then takes nothing for 15 to 30
 * seconds of what is being written to it.
 *
 * Nothing is read of such a client any more, so that only a write that fails can tell that it
 * has left. Over TLS that does not always happen: when what TLS itself had to send has failed,
 * Node (seen with 26.10) neither completes nor fails the writes after it.
 */
export function closeWhenStuck(socket: Socket): void {
  socket.once("end", () => {
    let seen = { pending: 0, written: 0 };
    const timer = setInterval(() => {
      const now = { pending: socket.writableLength, written: socket.bytesWritten };
      if (now.pending > 0 && now.pending === seen.pending && now.written === seen.written) {
        socket.destroy();
      }
      seen = now;
    }, stuckTimeoutMs).unref();
    socket.once("close", () => clearInterval(timer));
  });
}
