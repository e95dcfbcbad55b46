import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { PositionOutOfRangeSchema } from "@parley/proto/chat/v1";
import {
  createChatClient,
  MessageType,
  oldestKept,
  type Position,
  type SharedStream,
  type SharedStreamState,
  type SharedSubscription,
} from "../index.ts";
import { alive, type ChatServer, chatServer, joined, said } from "../testing/chat-server.ts";
import { epoch } from "../testing/scripted-server.ts";

interface Follower {
  readonly stream: SharedStream;
  /** What happened, in order: `<room> <sequence>`, `<room> <state>`, and `<state>` of the stream. */
  readonly events: string[];
  follow(room: string, after?: Position): SharedSubscription;
  /** Resolves when this has happened. */
  happened(event: string): Promise<void>;
}

function follow(t: TestContext, { transport }: ChatServer, initialMs = 1): Follower {
  const events: string[] = [];
  const waiting = new Set<() => void>();
  const note = (event: string) => {
    events.push(event);
    waiting.forEach((wake) => {
      wake();
    });
  };
  const client = createChatClient(transport, { backoff: { initialMs, maxMs: 60_000 } });
  const stream = client.shareStream({
    user: "ada",
    onStateChange: ({ name }: SharedStreamState) => note(name),
  });
  t.after(() => stream.close());
  return {
    stream,
    events,
    follow: (room, after) =>
      stream.subscribe({
        room,
        after,
        onMessage: ({ sequence }) => note(`${room} ${sequence}`),
        onStateChange: ({ name }) => note(`${room} ${name}`),
      }),
    async happened(event) {
      while (!events.includes(event)) {
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
    },
  };
}

const at = (sequence: number): Position => ({ epoch, sequence: BigInt(sequence) });

test("many rooms over one stream", async (t) => {
  const server = chatServer([
    async function* ({ next, left }) {
      const first = await next();
      assert.deepEqual(
        [first.type, first.room, first.user, first.epoch],
        [MessageType.JOIN, "a", "ada", ""],
      );
      yield* joined(first, 4);
      yield* joined(await next(), 8);
      yield said("b", 9);
      yield said("a", 5);
      const last = await next();
      assert.deepEqual([last.type, last.room], [MessageType.LEAVE, "b"]);
      yield said("b", 10);
      yield said("a", 6);
      await left;
    },
  ]);
  const { follow: subscribe, happened, events } = follow(t, server);
  const a = subscribe("a");
  const b = subscribe("b");
  await happened("a 5");
  assert.deepEqual([a.position, b.position], [at(5), at(9)]);
  b.close();
  await happened("a 6");
  assert.deepEqual(
    events.filter((event) => /^b /.test(event)),
    ["b live", "b 9", "b closed"],
  );
  assert.equal(server.streamCount, 1);
});

test("a stream that broke is resumed: every message once and in order", async (t) => {
  const server = chatServer([
    async function* ({ next }) {
      yield* joined(await next(), 1);
      yield said("a", 2);
      yield said("a", 3);
      throw new ConnectError("going down", Code.Unavailable);
    },
    async function* ({ next, left }) {
      const join = await next();
      assert.deepEqual([join.epoch, join.sequence], [epoch, 3n]);
      yield* joined(join);
      yield said("a", 3);
      yield said("a", 4);
      await left;
    },
  ]);
  const { follow: subscribe, happened, events } = follow(t, server);
  subscribe("a");
  await happened("a 4");
  assert.deepEqual(
    events.filter((event) => /^a \d/.test(event)),
    ["a 2", "a 3", "a 4"],
  );
  assert.deepEqual(
    events.filter((event) => !event.startsWith("a ")),
    ["connecting", "open", "waiting", "connecting", "open"],
  );
});

test("a resumed room is live when it has passed the newest message", async (t) => {
  let askedCount = 0;
  const server = chatServer(
    [
      async function* ({ next, left }) {
        yield* joined(await next());
        yield said("a", 2);
        yield alive();
        yield said("a", 3);
        await left;
      },
    ],
    {
      listMessages() {
        askedCount++;
        if (askedCount === 1) {
          throw new ConnectError("not now", Code.Unavailable);
        }
        return { head: at(3) };
      },
    },
  );
  const { follow: subscribe, happened, events } = follow(t, server);
  subscribe("a", at(1));
  await happened("a live");
  assert.deepEqual(
    events.filter((event) => event.startsWith("a ")).toSorted(),
    ["a 2", "a 3", "a catching-up", "a live"].toSorted(),
  );
  assert.equal(askedCount, 2);
});

test("a room whose position is gone is closed, and the others go on", async (t) => {
  const detail = create(PositionOutOfRangeSchema, { oldest: at(7), head: at(9) });
  const outOfRange = () =>
    new ConnectError("gone", Code.OutOfRange, undefined, [
      { desc: PositionOutOfRangeSchema, value: detail },
    ]);
  const server = chatServer(
    [
      // biome-ignore lint/correctness/useYield: a stream that fails before its first message
      async function* ({ next }) {
        await next();
        throw outOfRange();
      },
      async function* ({ next, left }) {
        const join = await next();
        assert.equal(join.room, "b");
        yield* joined(join);
        yield said("b", 3);
        await left;
      },
    ],
    {
      listMessages({ room }) {
        if (room === "a") {
          throw outOfRange();
        }
        return { head: at(3) };
      },
    },
  );
  const { follow: subscribe, happened } = follow(t, server, 60_000);
  const a = subscribe("a", at(1));
  subscribe("b", at(2));
  await happened("b live");
  assert.ok(a.state.name === "closed");
  assert.equal(a.state.error?.code, Code.OutOfRange);
});

test("retryNow does not wait for the time of the next stream", async (t) => {
  const server = chatServer([
    // biome-ignore lint/correctness/useYield: a stream that fails before its first message
    async function* () {
      throw new ConnectError("down", Code.Unavailable);
    },
    async function* ({ next, left }) {
      yield* joined(await next(), 1);
      yield* joined(await next(), 1);
      await left;
    },
  ]);
  const { stream, follow: subscribe, happened, events } = follow(t, server, 60_000);
  subscribe("a");
  await happened("a waiting");
  subscribe("b");
  await happened("b waiting");
  assert.ok(stream.state.name === "waiting" && stream.state.retryAtMs <= Date.now() + 60_000);
  stream.retryNow();
  await Promise.all([happened("a live"), happened("b live")]);
  assert.ok(events.includes("open"));
});

test("what comes for an earlier subscription of the same room is not told to the next", async (t) => {
  const server = chatServer([
    async function* ({ next, left }) {
      yield* joined(await next(), 1);
      const leave = await next();
      const join = await next();
      yield said("a", 2);
      yield* joined(leave, 0).slice(0, 1);
      yield* joined(join, 5);
      yield said("a", 6);
      await left;
    },
  ]);
  const { follow: subscribe, happened, events } = follow(t, server);
  const first = subscribe("a");
  await happened("a live");
  first.close();
  subscribe("a");
  await happened("a 6");
  assert.ok(!events.includes("a 2"));
});

test("a refusal that trying again cannot mend closes all", async (t) => {
  const server = chatServer([
    // biome-ignore lint/correctness/useYield: a stream that fails before its first message
    async function* () {
      throw new ConnectError("who are you?", Code.Unauthenticated);
    },
  ]);
  const { stream, follow: subscribe, happened } = follow(t, server);
  const a = subscribe("a");
  await happened("closed");
  await happened("a closed");
  assert.ok(stream.state.name === "closed" && a.state.name === "closed");
  assert.equal(stream.state.error?.code, Code.Unauthenticated);
  assert.throws(() => subscribe("b"), TypeError);
});

test("what the server would refuse is refused before it is asked", (t) => {
  const server = chatServer([async function* () {}]);
  const { follow: subscribe } = follow(t, server);
  assert.throws(() => subscribe(""), TypeError);
  assert.throws(() => subscribe("x".repeat(129)), TypeError);
  assert.throws(() => subscribe("a", oldestKept), TypeError);
  assert.throws(() => createChatClient(server.transport).shareStream({ user: "" }), TypeError);
  assert.equal(server.streamCount, 0);
});
