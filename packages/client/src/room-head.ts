import type { CallOptions, Client } from "@connectrpc/connect";
import type { ChatService } from "@parley/proto/chat/v1";
import type { Position } from "./position.ts";

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
