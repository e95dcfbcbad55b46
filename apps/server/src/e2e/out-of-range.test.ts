import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createWritableIterable } from "@connectrpc/connect/protocol";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import {
  ChatService,
  type Message,
  MessageType,
  type Position,
  PositionOutOfRangeSchema,
} from "@parley/proto/chat/v1";
import { openStream } from "../testing/open-stream.ts";
import { suiteServer } from "../testing/suite-server.ts";

type ChatClient = Client<typeof ChatService>;

const factories = {
  gRPC: createGrpcTransport,
  "gRPC-Web": createGrpcWebTransport,
  Connect: createConnectTransport,
};
/** So many messages of the tests fit in what a room keeps, roughly. */
const kept = 400;
const server = suiteServer({
  flags: () => ["--retention-bytes", "4MiB", "--tail-bytes", "10KiB"],
});

/** Appends messages numbered from `first` on, each of 10 KB. */
async function fill(client: ChatClient, room: string, first: number, count: number) {
  async function* messages() {
    for (let number = first; number < first + count; number++) {
      yield { room, user: "writer", content: `${number} `.padEnd(10_000, "x") };
    }
  }
  await client.uploadMessages(messages());
}

/** Waits until retention has removed what is more than it keeps. */
async function trimmed(client: ChatClient, room: string) {
  for (;;) {
    const { oldest, head } = await client.listMessages({ room, pageSize: 1 });
    assert.ok(oldest && head);
    if (head.sequence - oldest.sequence <= BigInt(kept + 20)) {
      return { oldest, head };
    }
  }
}

/** Shows that a call is refused, and returns the oldest position that the refusal names. */
async function oldestNamed(call: Promise<unknown>, head?: bigint): Promise<Position> {
  const error = await call.then(
    () => assert.fail("was not refused"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ConnectError, String(error));
  assert.equal(error.code, Code.OutOfRange, String(error));
  const [detail, ...others] = error.findDetails(PositionOutOfRangeSchema);
  assert.deepEqual(others, []);
  assert.ok(detail?.oldest && detail.head);
  if (head !== undefined) {
    assert.equal(detail.head.sequence, head);
  }
  return detail.oldest;
}

/** Takes messages until a sequence, and shows that none is missing. */
async function takeUntil(next: () => Promise<Message>, after: bigint, until: bigint) {
  for (let sequence = after + 1n; sequence <= until; sequence++) {
    const message = await next();
    assert.equal(message.sequence, sequence);
    assert.ok(message.content.startsWith(`${sequence} x`));
  }
}

for (const [protocol, createTransport] of Object.entries(factories)) {
  suite(protocol, () => {
    const connect = (t: TestContext): ChatClient => {
      const baseUrl = server().url;
      const sessionManager = new Http2SessionManager(baseUrl);
      t.after(() => sessionManager.abort());
      return createClient(
        ChatService,
        createTransport({ baseUrl, httpVersion: "2", sessionManager }),
      );
    };

    test("positions that the log does not hold are refused, with one that it does", async (t) => {
      const client = connect(t);
      const room = `${protocol} positions`;
      await fill(client, room, 1, 600);
      const { oldest, head } = await trimmed(client, room);
      assert.equal(head.sequence, 600n);
      const { epoch } = head;
      const positions: Record<string, { epoch: string; sequence: bigint }> = {
        "of the first message": { epoch, sequence: 1n },
        "before all messages": { epoch, sequence: 0n },
        "just before the oldest": { epoch, sequence: oldest.sequence - 1n },
        "that is still to come": { epoch, sequence: 601n },
        "of another epoch": { epoch: "another", sequence: 600n },
        "at the start of another epoch": { epoch: "another", sequence: 0n },
        "that no number holds": { epoch, sequence: 2n ** 64n - 1n },
      };
      for (const [name, after] of Object.entries(positions)) {
        t.diagnostic(`a position ${name}`);
        using refused = openStream((options) =>
          client.subscribeMessages({ room, user: "ada", after }, options),
        );
        assert.deepEqual(await oldestNamed(refused.next(), 600n), oldest);

        const input = createWritableIterable();
        using chat = openStream((options) => client.chat(input as AsyncIterable<object>, options));
        const type = MessageType.JOIN;
        input.write({ room, user: "ada", type, ...after }).catch(() => {});
        assert.deepEqual(await oldestNamed(chat.next(), 600n), oldest);

        const list = client.listMessages({ room, cursor: { case: "after", value: after } });
        assert.deepEqual(await oldestNamed(list, 600n), oldest);
        if (after.epoch !== epoch) {
          const before = client.listMessages({ room, cursor: { case: "before", value: after } });
          assert.deepEqual(await oldestNamed(before, 600n), oldest);
        }
      }

      using stream = openStream((options) =>
        client.subscribeMessages({ room, user: "ada", after: oldest }, options),
      );
      assert.equal((await stream.next()).sequence, oldest.sequence);
      await takeUntil(stream.next, oldest.sequence, 600n);
      await fill(client, room, 601, 1);
      await takeUntil(stream.next, 600n, 601n);
    });

    test("a room that was never used holds nothing but its start", async (t) => {
      const client = connect(t);
      const { head } = await client.listMessages({ room: "any" });
      assert.ok(head);
      const request = { room: `${protocol} unused`, user: "ada" };
      using refused = openStream((options) =>
        client.subscribeMessages({ ...request, after: { ...head, sequence: 1n } }, options),
      );
      assert.equal((await oldestNamed(refused.next(), 0n)).sequence, 0n);
      using stream = openStream((options) =>
        client.subscribeMessages({ ...request, after: { ...head, sequence: 0n } }, options),
      );
      assert.equal((await stream.next()).id, "system");
    });

    test("a stalled subscription that retention overtakes is told, and skips nothing", async (t) => {
      const client = connect(t);
      const room = `${protocol} stalled`;
      const stalled = connect(t).subscribeMessages({ room, user: "ada" })[Symbol.asyncIterator]();
      assert.equal((await stalled.next()).value?.id, "system");
      // More than the connection, both ends included, takes while nobody reads.
      await fill(client, room, 1, 300);
      await fill(client, room, 301, 1_700);
      const { oldest, head } = await trimmed(client, room);
      assert.equal(head.sequence, 2_000n);
      let last = 0n;
      const end = await (async () => {
        for (;;) {
          const { value, done } = await stalled.next();
          assert.ok(!done, "the stream ended as if nothing were missing");
          assert.equal(value.sequence, last + 1n);
          last = value.sequence;
        }
      })().catch((error: unknown) => error);
      assert.ok(last > 0n && last < oldest.sequence, `${last}, ${oldest.sequence}`);
      const named = await oldestNamed(Promise.reject(end), 2_000n);
      assert.deepEqual(named, oldest);
      using resumed = openStream((options) =>
        client.subscribeMessages({ room, user: "ada", after: named }, options),
      );
      assert.equal((await resumed.next()).sequence, named.sequence);
      await takeUntil(resumed.next, named.sequence, 2_000n);
    });
  });
}
