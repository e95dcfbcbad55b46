import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { ChatService, PositionOutOfRangeSchema } from "@parley/proto/chat/v1";
import { createChatClient, oldestKept, PositionOutOfRangeError } from "../index.ts";
import { chat, epoch, silence } from "../testing/scripted-server.ts";

function clientOf(service: Partial<ServiceImpl<typeof ChatService>>, timeoutMs = 5_000) {
  return createChatClient(
    createRouterTransport((router) => router.service(ChatService, service)),
    { timeoutMs },
  );
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) {
    collected.push(item);
  }
  return collected;
}

test("a page is asked for before or after a position", async () => {
  const cases: (string | undefined)[] = [];
  const client = clientOf({
    listMessages({ cursor, pageSize }) {
      cases.push(`${cursor.case} ${cursor.value?.sequence} ${pageSize}`);
      return { messages: [chat(1)], hasMore: true };
    },
  });
  const position = { epoch, sequence: 3n };
  const page = await client.listMessages({ room: "lobby" });
  assert.equal(page.messages[0]?.id, "msg_1");
  await client.listMessages({ room: "lobby", before: position, pageSize: 5 });
  await client.listMessages({ room: "lobby", after: position });
  assert.deepEqual(cases, ["undefined undefined 0", "before 3 5", "after 3 0"]);
  await assert.rejects(
    client.listMessages({ room: "lobby", before: position, after: position }),
    (error) => error instanceof ConnectError && error.code === Code.InvalidArgument,
  );
});

test("history goes from the oldest message kept to the newest, page by page", async () => {
  const asked: (bigint | undefined)[] = [];
  const client = clientOf({
    listMessages({ cursor, pageSize }) {
      const after = cursor.value?.sequence ?? 0n;
      asked.push(cursor.value?.epoch === (after ? epoch : "") ? after : undefined);
      const messages = [2, 3, 5, 8, 9].filter((n) => n > after).slice(0, pageSize);
      const hasMore = messages.at(-1) !== 9;
      return { messages: messages.map(chat), hasMore, head: { epoch, sequence: 9n } };
    },
  });
  const messages = await collect(client.history({ room: "lobby", pageSize: 2 }));
  assert.deepEqual(
    messages.map(({ sequence }) => sequence),
    [2n, 3n, 5n, 8n, 9n],
  );
  assert.deepEqual(asked, [0n, 3n, 8n]);
});

test("history that was trimmed while it was read says so", async () => {
  const value = { oldest: { epoch, sequence: 50n }, head: { epoch, sequence: 90n } };
  const client = clientOf({
    listMessages() {
      throw new ConnectError("trimmed", Code.OutOfRange, undefined, [
        { desc: PositionOutOfRangeSchema, value },
      ]);
    },
  });
  await assert.rejects(
    collect(client.history({ room: "lobby", after: oldestKept })),
    (error) => error instanceof PositionOutOfRangeError && error.oldest.sequence === 50n,
  );
});

test("rooms come page by page", async () => {
  const client = clientOf({
    listRooms({ pageToken, pageSize }) {
      assert.equal(pageSize, 2);
      return pageToken === "next"
        ? { rooms: [{ name: "c" }] }
        : { rooms: [{ name: "a" }, { name: "b" }], nextPageToken: "next" };
    },
  });
  const rooms = await collect(client.rooms({ pageSize: 2 }));
  assert.deepEqual(
    rooms.map(({ name }) => name),
    ["a", "b", "c"],
  );
  assert.equal((await client.listRooms({ pageSize: 2, pageToken: "next" })).rooms.length, 1);
});

test("a page has a deadline and a signal", async () => {
  const client = clientOf(
    {
      async listRooms(_, context) {
        await silence(context);
        throw context.signal.reason;
      },
    },
    20,
  );
  await assert.rejects(
    client.listRooms(),
    (error) => error instanceof ConnectError && error.code === Code.DeadlineExceeded,
  );
  await assert.rejects(
    collect(client.rooms({}, { signal: AbortSignal.abort() })),
    (error) => error instanceof ConnectError && error.code === Code.Canceled,
  );
});
