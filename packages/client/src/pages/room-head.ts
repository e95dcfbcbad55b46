import type { CallOptions, Client } from "@connectrpc/connect";
import type { ChatService } from "@parley/proto/chat/v1";
import { createBackoff } from "../calls/backoff.ts";
import { callOptions } from "../calls/call-options.ts";
import { clientError } from "../calls/client-error.ts";
import { delay } from "../calls/delay.ts";
import { isRetryable } from "../calls/is-retryable.ts";
import type { ResolvedOptions } from "../chat-client-options.ts";
import type { Position } from "../position/position.ts";

/** Asks for the sequence of a room's newest message; rejects with what the call throws. */
export async function askForHead(
  client: Client<typeof ChatService>,
  room: string,
  after: Position,
  options: CallOptions,
): Promise<bigint | undefined> {
  const { head } = await client.listMessages(
    {
      room,
      // The page after the position: none is read where there is nothing to catch up on.
      cursor: { case: "after", value: { epoch: after.epoch, sequence: after.sequence } },
      pageSize: 1,
    },
    options,
  );
  return head?.sequence;
}

/**
 * Asks for the sequence of a room's newest message until it is known. Resolves with
 * undefined when the signal aborts, or the server will not tell. Never rejects.
 */
export async function findHead(
  client: Client<typeof ChatService>,
  options: ResolvedOptions,
  room: string,
  after: Position,
  signal: AbortSignal,
): Promise<bigint | undefined> {
  const backoff = createBackoff(options.backoff);
  while (!signal.aborted) {
    try {
      return await askForHead(client, room, after, callOptions(signal, options.timeoutMs));
    } catch (reason) {
      const error = clientError(reason, signal);
      if (!isRetryable(error)) {
        return undefined;
      }
      await delay(backoff.next(error), signal);
    }
  }
  return undefined;
}
