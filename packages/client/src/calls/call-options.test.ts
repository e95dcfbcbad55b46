import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import type { Transport } from "@connectrpc/connect";
import * as node from "@connectrpc/connect-node";
import { ChatService } from "@parley/proto/chat/v1";
import { createChatClient } from "../index.ts";

const dayMs = 86_400_000;

const transports: Record<string, (baseUrl: string) => Transport> = {
  connect: (baseUrl) => node.createConnectTransport({ baseUrl, httpVersion: "2" }),
  gRPC: (baseUrl) => node.createGrpcTransport({ baseUrl }),
  "gRPC-Web": (baseUrl) => node.createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
};

/** A server that answers every call with the deadline it was given; resolves with its URL. */
async function listen(t: TestContext): Promise<string> {
  const server = createServer(
    node.connectNodeAdapter({
      routes: ({ service }) =>
        service(ChatService, {
          sendMessage: (_, context) => ({ messageId: String(context.timeoutMs()) }),
          listRooms: (_, context) => ({ nextPageToken: String(context.timeoutMs()) }),
        }),
    }),
  );
  t.after(() => server.close());
  server.on("session", (session) => t.after(() => session.destroy()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

for (const [name, createTransport] of Object.entries(transports)) {
  test(`a long timeout over ${name} is a long timeout`, async (t) => {
    const url = await listen(t);
    for (const timeoutMs of [1_000_000_000, 30 * dayMs, Number.POSITIVE_INFINITY]) {
      const client = createChatClient(createTransport(url), { timeoutMs, retryForMs: 0 });
      const { messageId } = await client.send({ room: "lobby", user: "ada", content: "hello" });
      const { nextPageToken } = await client.listRooms();
      for (const left of [messageId, nextPageToken]) {
        assert.ok(Number(left) > dayMs, `${left} ms left of ${timeoutMs}`);
      }
    }
  });

  test(`a timeout over ${name} need not be whole milliseconds`, async (t) => {
    const client = createChatClient(createTransport(await listen(t)), { timeoutMs: 60_000.5 });
    await client.listRooms();
  });
}
