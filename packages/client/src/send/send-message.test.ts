import assert from "node:assert/strict";
import { test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  Code,
  ConnectError,
  createRouterTransport,
  type HandlerContext,
  type Interceptor,
} from "@connectrpc/connect";
import {
  ChatService,
  type SendMessageRequest,
  type SendMessageResponseSchema,
} from "@parley/proto/chat/v1";
import { RetryInfoSchema } from "@parley/proto/google/rpc/error_details";
import { type ChatClientOptions, createChatClient } from "../index.ts";
import { controlClock } from "../testing/controlled-clock.ts";
import { silence } from "../testing/scripted-server.ts";

type Answer = MessageInitShape<typeof SendMessageResponseSchema>;
type Try = (request: SendMessageRequest, context: HandlerContext) => Answer | Promise<Answer>;

const message = { room: "lobby", user: "ada", content: "hello" };
const backoff = { initialMs: 1, maxMs: 2 };

/** A client whose n-th try is answered by the n-th function, then by the last one. */
function clientOf(tries: Try[], options: ChatClientOptions = {}) {
  const keys: string[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(ChatService, {
      sendMessage(request, context) {
        const answer = tries[Math.min(keys.length, tries.length - 1)] as Try;
        keys.push(request.idempotencyKey);
        return answer(request, context);
      },
    });
  });
  return { client: createChatClient(transport, { backoff, ...options }), keys };
}

function fail(code: Code, retryDelayMs?: number): Try {
  return () => {
    const details =
      retryDelayMs === undefined
        ? []
        : [{ desc: RetryInfoSchema, value: { retryDelay: durationFromMs(retryDelayMs) } }];
    throw new ConnectError("refused", code, undefined, details);
  };
}

const store: Try = () => ({
  messageId: "msg_1",
  sequence: 1n,
  timestamp: timestampFromDate(new Date(1_000)),
});

function hasCode(code: Code): (error: unknown) => boolean {
  return (error) => error instanceof ConnectError && error.code === code;
}

test("a stored message is reported with its id, sequence and time", async () => {
  const { client, keys } = clientOf([store]);
  const result = await client.send(message);
  assert.deepEqual(result, { messageId: "msg_1", sequence: 1n, timestamp: new Date(1_000) });
  assert.match(keys[0] ?? "", /^[0-9a-f]{32}$/);
});

test("every message has a key of its own, or the caller's", async () => {
  const { client, keys } = clientOf([store]);
  await client.send(message);
  await client.send(message);
  await client.send({ ...message, idempotencyKey: "mine" });
  assert.equal(new Set(keys).size, 3);
  assert.equal(keys[2], "mine");
});

test("tries again with the same key until the message is stored", async () => {
  const { client, keys } = clientOf([
    fail(Code.Unavailable),
    fail(Code.ResourceExhausted, 1),
    fail(Code.Aborted),
    store,
  ]);
  assert.equal((await client.send(message)).messageId, "msg_1");
  assert.equal(keys.length, 4);
  assert.equal(new Set(keys).size, 1);
});

test("a try that misses its deadline is followed by another", async (t) => {
  controlClock(t).run();
  const hang: Try = async (_, context) => {
    await silence(context);
    throw context.signal.reason;
  };
  const { client, keys } = clientOf([hang, store], { timeoutMs: 1_000 });
  await client.send(message);
  assert.equal(keys.length, 2);
});

for (const code of [
  Code.InvalidArgument,
  Code.Unauthenticated,
  Code.PermissionDenied,
  Code.Internal,
  Code.Unknown,
]) {
  test(`does not try again after ${Code[code]}`, async () => {
    const { client, keys } = clientOf([fail(code)]);
    await assert.rejects(client.send(message), hasCode(code));
    assert.equal(keys.length, 1);
  });
}

test("a message that the server finds too large is not tried again", async () => {
  const { client, keys } = clientOf([fail(Code.ResourceExhausted)]);
  await assert.rejects(client.send(message), hasCode(Code.ResourceExhausted));
  assert.equal(keys.length, 1);
});

test("content that is too large is not sent", async () => {
  const { client, keys } = clientOf([store]);
  for (const content of ["x".repeat(10_481_665), "\u20ac".repeat(3_500_000)]) {
    await assert.rejects(client.send({ ...message, content }), hasCode(Code.ResourceExhausted));
  }
  assert.equal(keys.length, 0);
  await client.send({ ...message, content: "x".repeat(10_481_664) });
  assert.equal(keys.length, 1);
});

test("waits as long as the server asks", async (t) => {
  const clock = controlClock(t);
  clock.run();
  const { client } = clientOf([fail(Code.ResourceExhausted, 20_000), store]);
  await client.send(message);
  assert.ok(clock.nowMs >= 20_000 && clock.nowMs < 21_000, `${clock.nowMs} ms`);
});

test("does not wait for a try that there is no time for", async () => {
  const { client, keys } = clientOf([fail(Code.Unavailable, 3_600_000)]);
  await assert.rejects(client.send(message), hasCode(Code.Unavailable));
  assert.equal(keys.length, 1);
});

test("gives up when its time is over, with the last error", async (t) => {
  const clock = controlClock(t);
  clock.run();
  const { client, keys } = clientOf([fail(Code.Unavailable)], { retryForMs: 1_000 });
  await assert.rejects(client.send(message), hasCode(Code.Unavailable));
  assert.ok(keys.length > 1);
  assert.ok(clock.nowMs > 900 && clock.nowMs < 1_100, `${clock.nowMs} ms`);
});

test("the signal ends a try at once", async () => {
  const { promise: started, resolve: start } = Promise.withResolvers<void>();
  const hang: Try = async (_, context) => {
    start();
    await silence(context);
    throw context.signal.reason;
  };
  const { client, keys } = clientOf([hang]);
  const controller = new AbortController();
  const sending = client.send(message, { signal: controller.signal });
  await started;
  controller.abort();
  await assert.rejects(sending, hasCode(Code.Canceled));
  assert.equal(keys.length, 1);
});

test("the signal ends a wait between tries at once", async () => {
  const controller = new AbortController();
  const refusal = new ConnectError("draining", Code.Unavailable, undefined, [
    { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(20_000) } },
  ]);
  const refuse: Interceptor = () => async () => {
    // A turn after the client has seen the refusal.
    setImmediate(() => controller.abort());
    throw refusal;
  };
  const transport = createRouterTransport(() => {}, { transport: { interceptors: [refuse] } });
  const client = createChatClient(transport, { backoff });
  const { signal } = controller;
  await assert.rejects(client.send(message, { signal }), hasCode(Code.Canceled));
});

test("options that make no sense are refused", () => {
  const transport = createRouterTransport(() => {});
  for (const options of [
    { timeoutMs: 0 },
    { heartbeatMs: 5 },
    { retryForMs: Number.NaN },
    { backoff: { initialMs: 100, maxMs: 10 } },
  ]) {
    assert.throws(() => createChatClient(transport, options), RangeError);
  }
});
