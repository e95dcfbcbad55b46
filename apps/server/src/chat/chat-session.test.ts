import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { createWritableIterable } from "@connectrpc/connect/protocol";
import { readBatches } from "@parley/host/frame-stream";
import { type Message, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import { type MessageLog, MessageLogError } from "../log/message-log.ts";
import { openChatContext, withParts } from "../testing/chat-context.ts";
import { readFrames, readMessages, waysToRead } from "../testing/read-responses.ts";
import type { ChatContext } from "./chat-context.ts";
import { createChatService } from "./chat-service.ts";

type Way = (typeof waysToRead)[keyof typeof waysToRead];

function message(init: MessageInitShape<typeof MessageSchema>): Message {
  return create(MessageSchema, { room: "room", user: "ada", content: "hello", ...init });
}

/** An open Chat stream, whose responses do not tell who comes and goes. */
function openChat<W extends Way>(context: ChatContext, read: W, messages?: AsyncIterable<Message>) {
  const input = createWritableIterable<Message>();
  const { chat } = createChatService(context);
  const responses = read(MessageSchema, (call) => chat(messages ?? input, call as never));
  return {
    responses: responses as ReturnType<W>,
    say: (init: MessageInitShape<typeof MessageSchema>) => void input.write(message(init)),
    halfClose: () => input.close(),
    async next() {
      for (;;) {
        const response = await responses.next();
        if (response?.id !== "presence") {
          return response;
        }
      }
    },
    leave: () => responses.leave(),
  };
}

/** A request's messages that come in batches, as on the lean path. */
function inBatches(...batches: Message[][]): AsyncIterable<Message> {
  return {
    async *[Symbol.asyncIterator]() {
      yield* batches.flat();
    },
    async *[readBatches]() {
      yield* batches;
      await new Promise(() => {});
    },
  } as AsyncIterable<Message>;
}

async function join(chat: ReturnType<typeof openChat>, init = {}) {
  chat.say({ id: "join", type: MessageType.JOIN, ...init });
  assert.equal((await chat.next())?.id, "echo_join");
  assert.equal((await chat.next())?.id, "system");
}

for (const [way, read] of Object.entries(waysToRead)) {
  suite(`a chat read ${way}`, () => {
    const open = async (t: TestContext) => {
      const context = await openChatContext(t);
      const chat = openChat(context, read);
      t.after(() => chat.leave());
      return { context, chat };
    };

    test("receives no more rooms than the contract says", async (t) => {
      const { context, chat } = await open(t);
      for (let count = 0; count < 1_000; count++) {
        await join(chat, { room: `room ${count}` });
      }
      chat.say({ type: MessageType.JOIN, room: "one more" });
      await assert.rejects(chat.next(), { code: Code.ResourceExhausted });
      assert.equal(context.rooms.subscriptionCount, 0, "they are left with the stream");
    });

    test("is answered in order, to the last message", async (t) => {
      const { chat } = await open(t);
      for (const id of ["1", "2", "3"]) {
        chat.say({ id });
      }
      chat.halfClose();
      for (const sequence of [1n, 2n, 3n]) {
        const answer = await chat.next();
        assert.deepEqual([answer?.id, answer?.sequence], [`echo_${sequence}`, sequence]);
      }
      assert.equal(await chat.next(), undefined);
    });

    test("joins a joined room again, at another position, and goes on live", async (t) => {
      const { context, chat } = await open(t);
      await context.append("room", "1", "2");
      await join(chat);
      await join(chat, { epoch: context.log.epoch, sequence: 1n });
      assert.equal((await chat.next())?.content, "2");
      const next = chat.next();
      await context.append("room", "3");
      assert.equal((await next)?.content, "3");
      chat.say({ id: "again", type: MessageType.JOIN });
      const again = await chat.next();
      assert.deepEqual([again?.id, again?.sequence], ["echo_again", 3n]);
      assert.equal(context.rooms.subscriptionCount, 1);
    });

    test("gets nothing of a room that it left, welcomed or not", async (t) => {
      const { context, chat } = await open(t);
      await context.append("room", "1", "2");
      chat.say({ id: "1", type: MessageType.JOIN, epoch: context.log.epoch, sequence: 0n });
      chat.say({ id: "2", type: MessageType.LEAVE });
      chat.say({ id: "3", room: "other" });
      const seen = new Set<string | undefined>();
      for (let id: string | undefined; id !== "echo_3"; ) {
        id = (await chat.next())?.id;
        seen.add(id);
        if (seen.has("echo_2")) {
          assert.notEqual(id, "msg_1");
          assert.notEqual(id, "msg_2");
        }
      }
      assert.equal(context.rooms.subscriptionCount, 0);
    });

    test("is told of what breaks a rule after the answers to what came before", async (t) => {
      const { context, chat } = await open(t);
      chat.say({ id: "1" });
      chat.say({ type: MessageType.SYSTEM });
      assert.equal((await chat.next())?.id, "echo_1");
      await assert.rejects(chat.next(), { code: Code.InvalidArgument });
      assert.equal((await context.log.extent("room")).head, 1);
    });

    test("has all that was committed when the server drains, then UNAVAILABLE", async (t) => {
      const { context, chat } = await open(t);
      await join(chat, { room: "other" });
      await context.append("other", "1");
      chat.say({ id: "1" });
      await new Promise(setImmediate);
      context.beginDrain();
      const seen = [(await chat.next())?.id, (await chat.next())?.id].sort();
      assert.deepEqual(seen, ["echo_1", "msg_1"]);
      await assert.rejects(chat.next(), { code: Code.Unavailable });
      assert.equal(context.rooms.subscriptionCount, 0);
    });

    test("lets go of its rooms when its caller leaves", async (t) => {
      const { context, chat } = await open(t);
      await join(chat);
      const next = chat.next().catch(() => {});
      chat.leave();
      await next;
      assert.equal(context.rooms.subscriptionCount, 0);
    });

    test("fails at once when a message cannot be stored", async (t) => {
      const full = new MessageLogError("full", "no space");
      const wrap = (log: MessageLog) => withParts(log, { append: () => Promise.reject(full) });
      const chat = openChat(await openChatContext(t, { wrap }), read);
      const next = chat.next();
      chat.say({ id: "1" });
      await assert.rejects(next, { code: Code.ResourceExhausted });
    });
  });
}

suite("a chat's frames", () => {
  test("of what a chunk brought are answered in one write", async (t) => {
    const context = await openChatContext(t);
    const batch = ["1", "2", "3"].map((id) => message({ id }));
    const { responses, next } = openChat(context, readFrames, inBatches(batch));
    assert.equal((await next())?.id, "echo_1");
    assert.deepEqual(responses.sink.writes, [3]);
    responses.leave();
  });

  test("of a room are those of all its readers", async (t) => {
    const context = await openChatContext(t);
    const chat = openChat(context, readFrames);
    await join(chat);
    const { sink } = chat.responses;
    const before = sink.writes.length;
    await context.append("room", "1", "2");
    assert.equal((await chat.next())?.content, "1");
    assert.deepEqual(sink.writes.slice(before), [2]);
    chat.leave();
  });

  test("take turns: a room does not wait for all answers", async (t) => {
    const context = await openChatContext(t);
    const { epoch } = context.log;
    const joining = message({ type: MessageType.JOIN, room: "other", epoch });
    const batch = Array.from({ length: 1_000 }, () => message({ content: "x".repeat(200) }));
    const { responses, next, leave } = openChat(context, readFrames, inBatches([joining], batch));
    const { sink } = responses;
    sink.isFull = true;
    await context.append("other", "1");
    while ((await context.log.extent("room")).head < batch.length) {
      await new Promise(setImmediate);
    }
    sink.drain();
    const contents: (string | undefined)[] = [];
    while (!contents.includes("1")) {
      contents.push((await next())?.content);
    }
    assert.ok(contents.length < 400, `${contents.length} of ${sink.messageCount} came first`);
    leave();
  });

  test("that a slow reader leaves wait, and its messages are read no further", async (t) => {
    const context = await openChatContext(t);
    let read = 0;
    async function* endless() {
      for (;;) {
        read += 1;
        yield message({ content: "x".repeat(1_000) });
      }
    }
    const chat = openChat(context, readFrames, endless());
    const { sink } = chat.responses;
    sink.isFull = true;
    const settled = async () => {
      for (let before = -1; before !== read; ) {
        before = read;
        await context.append("other", "x");
        await new Promise(setImmediate);
      }
    };
    await settled();
    assert.ok(read < 10_000, `${read} messages are kept`);
    assert.equal(sink.messageCount, 0);
    const before = read;
    sink.drain();
    while (read < before + 10_000) {
      await new Promise(setImmediate);
    }
    chat.leave();
  });

  test("say once that the server is alive, however long nobody reads", async (t) => {
    const context = await openChatContext(t);
    t.mock.timers.enable({ apis: ["setInterval"] });
    const chat = openChat(context, readFrames);
    const { sink } = chat.responses;
    sink.isFull = true;
    t.mock.timers.tick(20_000);
    await new Promise(setImmediate);
    sink.drain();
    assert.deepEqual(sink.writes, [1]);
    assert.equal((await chat.next())?.content, "Server is alive!");
    t.mock.timers.tick(5_000);
    assert.match((await chat.next())?.id ?? "", /^server_\d+$/);
    chat.leave();
  });
});

test("a chat that is iterated holds what its reader has not taken", async (t) => {
  const context = await openChatContext(t);
  const batch = ["1", "2", "3"].map((id) => message({ id }));
  const chat = openChat(context, readMessages, inBatches(batch, batch));
  assert.equal((await chat.next())?.id, "echo_1");
  assert.equal((await chat.next())?.id, "echo_2");
  chat.leave();
  await assert.rejects(chat.next());
});

test("a chat hears its rooms while it sends without a pause", async (t) => {
  const stored = { sequence: 1, serial: 1, receivedAtMs: 0, duplicate: false };
  const context = await openChatContext(t, {
    wrap: (log) =>
      withParts(log, {
        // So fast that its reader is the slower one.
        async append(records) {
          await new Promise(setImmediate);
          return records.map(() => stored);
        },
      }),
  });
  async function* endless() {
    const { epoch } = context.log;
    yield message({ type: MessageType.JOIN, room: "other", epoch });
    for (;;) {
      yield message({});
    }
  }
  const chat = openChat(context, readMessages, endless());
  await context.append("other", "1", "2");
  const heard: string[] = [];
  for (let count = 0; count < 5_000 && heard.length < 2; count++) {
    const response = await chat.next();
    if (response?.room === "other" && response.type === MessageType.CHAT) {
      heard.push(response.content);
    }
    await new Promise(setImmediate);
  }
  chat.leave();
  assert.deepEqual(heard, ["1", "2"]);
});
