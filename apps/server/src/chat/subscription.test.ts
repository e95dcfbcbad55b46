import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import {
  type Message,
  MessageSchema,
  MessageType,
  SubscribeRequestSchema,
} from "@parley/proto/chat/v1";
import { openChatContext, withParts } from "../testing/chat-context.ts";
import { type Responses, readFrames, waysToRead } from "../testing/read-responses.ts";
import type { ChatContext } from "./chat-context.ts";
import { createChatService } from "./chat-service.ts";

type Way = (typeof waysToRead)[keyof typeof waysToRead];

function subscribe(
  context: ChatContext,
  read: Way,
  request: Partial<MessageInitShape<typeof SubscribeRequestSchema>> = {},
): Responses<Message> {
  const { subscribeMessages } = createChatService(context);
  const init = create(SubscribeRequestSchema, { room: "room", user: "ada", ...request });
  return read(MessageSchema, (call) => subscribeMessages(init, call as never));
}

/** Resolves when nobody is subscribed any more. */
async function untilUnsubscribed({ rooms }: ChatContext): Promise<void> {
  while (rooms.subscriptionCount > 0) {
    await new Promise(setImmediate);
  }
}

for (const [way, read] of Object.entries(waysToRead)) {
  suite(`a subscription read ${way}`, () => {
    test("is welcomed, replays, and goes on live", async (t) => {
      const context = await openChatContext(t);
      await context.append("room", "1", "2", "3");
      const after = { epoch: context.log.epoch, sequence: 1n };
      const messages = subscribe(context, read, { after });
      const welcome = await messages.next();
      assert.deepEqual(
        [welcome?.id, welcome?.sequence, welcome?.epoch],
        ["system", 1n, context.log.epoch],
      );
      assert.equal((await messages.next())?.content, "2");
      assert.equal((await messages.next())?.content, "3");
      const next = messages.next();
      await context.append("room", "4");
      assert.equal((await next)?.sequence, 4n);
      assert.equal(context.metrics.deliveryCount, 3);
    });

    test("tells who comes", async (t) => {
      const context = await openChatContext(t);
      const messages = subscribe(context, read, { presence: true });
      await messages.next();
      subscribe(context, read, { user: "eve" }).next();
      const join = await messages.next();
      assert.deepEqual([join?.type, join?.user], [MessageType.JOIN, "eve"]);
    });

    test("is over when its caller leaves, waiting or not", async (t) => {
      const context = await openChatContext(t);
      const waiting = subscribe(context, read);
      await waiting.next();
      const next = waiting.next().catch(() => {});
      waiting.leave();
      await next;
      await untilUnsubscribed(context);
      await context.append("room", "1", "2");
      const busy = subscribe(context, read, { after: {} });
      await busy.next();
      busy.leave();
      await untilUnsubscribed(context);
    });

    test("is over when its caller leaves before it was opened", async (t) => {
      const context = await openChatContext(t);
      const messages = subscribe(context, read);
      const next = messages.next().catch(() => {});
      messages.leave();
      await next;
      await untilUnsubscribed(context);
      await new Promise(setImmediate);
      assert.equal(context.rooms.subscriptionCount, 0);
    });

    test("has all that was committed when the server drains, then UNAVAILABLE", async (t) => {
      const context = await openChatContext(t);
      await context.append("room", "1", "2");
      const messages = subscribe(context, read, { after: {} });
      await messages.next();
      context.beginDrain();
      assert.equal((await messages.next())?.content, "1");
      assert.equal((await messages.next())?.content, "2");
      await assert.rejects(messages.next(), { code: Code.Unavailable });
      await untilUnsubscribed(context);
    });

    test("gets no heartbeat while history loads, and one when it has all", async (t) => {
      const loading = Promise.withResolvers<void>();
      const context = await openChatContext(t, {
        tailBytes: 0,
        wrap: (log) =>
          withParts(log, {
            async readFrames(...args) {
              await loading.promise;
              return log.readFrames(...args);
            },
          }),
      });
      await context.append("room", "1", "2");
      const heartbeat = create(DurationSchema, { nanos: 10_000_000 });
      const messages = subscribe(context, read, { after: {}, heartbeat });
      await messages.next();
      const next = messages.next();
      await delay(50);
      loading.resolve();
      assert.equal((await next)?.content, "1");
      assert.equal((await messages.next())?.content, "2");
      const last = await messages.next();
      assert.deepEqual([last?.id, last?.sequence], ["heartbeat", 2n]);
      messages.leave();
    });

    test("fails with the contract's error when its position is gone", async (t) => {
      const context = await openChatContext(t);
      const messages = subscribe(context, read, {
        after: { epoch: context.log.epoch, sequence: 9n },
      });
      await assert.rejects(messages.next(), { code: Code.OutOfRange });
      assert.equal(context.rooms.subscriptionCount, 0);
    });
  });
}

suite("a subscription's frames", () => {
  async function openFrames(t: TestContext) {
    const context = await openChatContext(t);
    const { subscribeMessages } = createChatService(context);
    const request = create(SubscribeRequestSchema, { room: "room", user: "ada" });
    const responses = readFrames(MessageSchema, (call) =>
      subscribeMessages(request, call as never),
    );
    await responses.next();
    return { context, ...responses };
  }

  test("of what was committed together are one write", async (t) => {
    const { context, sink, next } = await openFrames(t);
    await context.append("room", "1", "2", "3");
    assert.equal((await next())?.content, "1");
    assert.deepEqual(sink.writes, [1, 3]);
  });

  test("wait while the sink is full", async (t) => {
    const { context, sink, next } = await openFrames(t);
    sink.isFull = true;
    await context.append("room", "1");
    await context.append("room", "2");
    assert.deepEqual(sink.writes, [1]);
    sink.drain();
    assert.equal((await next())?.content, "1");
    assert.equal((await next())?.content, "2");
  });
});
