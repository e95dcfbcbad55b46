import { IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";

/**
 * Lets a connection outlive a request whose reader gives up in the midst of its body,
 * to answer that it is too large for example: what is still to come of the body is
 * read to no end, so that the next request can follow it. Node does so only for a
 * request that nobody began to read.
 *
 * The connection of a body that is not over `timeoutMs` after the answer is closed.
 * Doing so at once could cost the client the answer, as a system drops what it
 * received when the connection is reset.
 */
export function discardUnread(
  request: IncomingMessage,
  response: ServerResponse,
  timeoutMs: number,
): void {
  const { socket } = request;
  request.destroy = (error) => {
    // Leaving a loop over a request takes the socket off it, then destroys it: the
    // connection stays open, with nobody to read what comes.
    if ((request.socket as Socket | null) !== null || request.complete) {
      return IncomingMessage.prototype.destroy.call(request, error);
    }
    request.socket = socket;
    // The loop leaves them behind, and they keep a stream from flowing.
    request.removeAllListeners("readable");
    return request.resume();
  };
  response.once("finish", () => {
    if (!request.complete) {
      const timer = setTimeout(() => socket.destroy(), timeoutMs).unref();
      request.once("close", () => clearTimeout(timer));
    }
  });
}
