import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type ChatClientOptions,
  createChatClient,
  MessageType,
  type SharedStream,
} from "../index.ts";
import { type ChatScript, chatServer, echoed, joined } from "../testing/chat-server.ts";

const unavailable = () => new ConnectError("going down", Code.Unavailable);

/** A shared stream on a server of these scripts; `reached` resolves when it was in this state. */
function streamOf(t: TestContext, scripts: ChatScript[], options: ChatClientOptions = {}) {
  const { transport } = chatServer(scripts);
  const client = createChatClient(transport, { backoff: { initialMs: 1, maxMs: 1 }, ...options });
  const states = new Map<string, PromiseWithResolvers<void>>();
  const stateOf = (name: string) => {
    const state = states.get(name) ?? Promise.withResolvers<void>();
    states.set(name, state);
    return state;
  };
  const stream: SharedStream = client.shareStream({
    user: "ada",
    onStateChange: ({ name }) => stateOf(name).resolve(),
  });
  t.after(() => stream.close());
  return { stream, reached: (name: string) => stateOf(name).promise };
}

test("what is sent is acknowledged, in the order it was sent in", async (t) => {
  const { stream } = streamOf(t, [
    async function* ({ next, left }) {
      for (let sequence = 1; sequence <= 3; sequence++) {
        const message = await next();
        assert.deepEqual(
          [message.type, message.user, message.room, message.content],
          [MessageType.CHAT, "ada", "lobby", `message ${sequence}`],
        );
        yield echoed(message, sequence);
      }
      await left;
    },
  ]);
  const sent = [1, 2, 3].map((n) => stream.send({ room: "lobby", content: `message ${n}` }));
  assert.deepEqual(await Promise.all(sent), [{ sequence: 1n }, { sequence: 2n }, { sequence: 3n }]);
});

test("what was not acknowledged is sent again with the same key, behind the rooms", async (t) => {
  const keys: string[] = [];
  const { stream } = streamOf(t, [
    async function* ({ next }) {
      yield* joined(await next(), 0);
      const [first, second] = [await next(), await next()];
      keys.push(first.idempotencyKey, second.idempotencyKey);
      yield echoed(first, 1);
      throw unavailable();
    },
    async function* ({ next, left }) {
      const join = await next();
      assert.equal(join.type, MessageType.JOIN);
      yield* joined(join);
      const again = await next();
      keys.push(again.idempotencyKey);
      yield echoed(again, 2);
      await left;
    },
  ]);
  stream.subscribe({ room: "lobby", onMessage: () => {} });
  const first = stream.send({ room: "lobby", content: "one", idempotencyKey: "mine" });
  const second = stream.send({ room: "lobby", content: "two" });
  assert.deepEqual(await first, { sequence: 1n });
  assert.deepEqual(await second, { sequence: 2n });
  assert.equal(keys[0], "mine");
  assert.match(keys[1] ?? "", /^[0-9a-f]{32}$/);
  assert.equal(keys[2], keys[1]);
});

test("what the server may have forgotten is not sent again", async (t) => {
  const { stream, reached } = streamOf(
    t,
    [
      async function* ({ next }) {
        yield* joined(await next(), 0);
        await next();
        throw unavailable();
      },
      async function* ({ next, left }) {
        yield* joined(await next());
        const message = await next();
        assert.equal(message.content, "later");
        yield echoed(message, 1);
        await left;
      },
    ],
    { retryForMs: 0, backoff: { initialMs: 3_600_000, maxMs: 3_600_000 } },
  );
  stream.subscribe({ room: "lobby", onMessage: () => {} });
  await assert.rejects(
    stream.send({ room: "lobby", content: "maybe" }),
    (error) => error instanceof ConnectError && error.code === Code.Unavailable,
  );
  await reached("waiting");
  // No stream took this one: it waits, for however long.
  const later = stream.send({ room: "lobby", content: "later" });
  stream.retryNow();
  assert.deepEqual(await later, { sequence: 1n });
});

test("closing the stream rejects what was not acknowledged", async (t) => {
  const { stream } = streamOf(t, [
    async function* ({ next, left }) {
      yield* joined(await next(), 0);
      await left;
    },
  ]);
  const sending = stream.send({ room: "lobby", content: "unheard" });
  stream.close();
  await assert.rejects(
    sending,
    (error) => error instanceof ConnectError && error.code === Code.Canceled,
  );
  await assert.rejects(stream.send({ room: "lobby", content: "late" }), TypeError);
});

test("what the server would refuse is not sent", async (t) => {
  const { stream } = streamOf(t, [async function* () {}]);
  for (const message of [
    { room: "", content: "hello" },
    { room: "lobby", content: "" },
    { room: "lobby", content: "hello", idempotencyKey: "x".repeat(129) },
  ]) {
    await assert.rejects(stream.send(message), TypeError);
  }
  await assert.rejects(
    stream.send({ room: "lobby", content: "x".repeat(10_481_665) }),
    (error) => error instanceof ConnectError && error.code === Code.ResourceExhausted,
  );
  assert.equal(stream.state.name, "idle");
});
