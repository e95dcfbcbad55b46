import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ChatService } from "@parley/proto/chat/v1";
import { busyRoom, hugeRoom, watchedRoom } from "./rooms.ts";

/** Fills the rooms of a server that attacks read. */
export async function fillRooms(baseUrl: string): Promise<void> {
  const sessionManager = new Http2SessionManager(baseUrl, {}, { rejectUnauthorized: false });
  const client = createClient(ChatService, createGrpcTransport({ baseUrl, sessionManager }));
  const user = "filler";
  await client.sendMessage({ room: hugeRoom, user, content: "x".repeat(10 * 1024 ** 2 - 5_000) });
  await client.uploadMessages(
    (async function* () {
      for (let number = 0; number < 5_000; number++) {
        const room = number % 10 === 0 ? "quiet" : busyRoom;
        yield { room, user, content: `${number} `.repeat(1 + (number % 50)) };
      }
    })(),
  );
  await client.sendMessage({ room: watchedRoom, user, content: "0" });
  sessionManager.abort();
}
