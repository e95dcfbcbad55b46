import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type Message,
  MessageSchema,
  MessageType,
  PositionOutOfRangeSchema,
} from "@parley/proto/chat/v1";
import {
  type ChatClientOptions,
  createChatClient,
  PositionOutOfRangeError,
  type Subscription,
  type SubscriptionState,
} from "../index.ts";
import { controlClock } from "../testing/controlled-clock.ts";
import {
  chat,
  epoch,
  heartbeat,
  type StreamScript,
  scriptedServer,
  silence,
  welcome,
} from "../testing/scripted-server.ts";

const options: ChatClientOptions = { backoff: { initialMs: 1, maxMs: 2 } };
const request = { room: "lobby", user: "ada" };
const unavailable = () => new ConnectError("draining", Code.Unavailable);

/** A stream that sends these and then does what the last one says. */
function sends(...messages: (Message | Error | "end")[]): StreamScript {
  return async function* (_, context) {
    for (const message of messages) {
      if (message === "end") {
        return;
      }
      if (message instanceof Error) {
        throw message;
      }
      yield message;
    }
    await silence(context);
  };
}

/** Reads the sequences of so many messages, then breaks out. */
async function read(subscription: Subscription, count: number): Promise<bigint[]> {
  const sequences: bigint[] = [];
  for await (const message of subscription) {
    sequences.push(message.sequence);
    if (sequences.length === count) {
      break;
    }
  }
  return sequences;
}

test("yields what is appended from now on and nothing that the server says", async () => {
  const server = scriptedServer([sends(welcome(4), heartbeat(4), chat(5), heartbeat(5), chat(7))]);
  const subscription = createChatClient(server.transport).subscribe(request);
  assert.equal(subscription.position, undefined);
  assert.deepEqual(await read(subscription, 2), [5n, 7n]);
  assert.deepEqual(subscription.position, { epoch, sequence: 7n });
  const [sent] = server.requests;
  assert.equal(sent?.room, "lobby");
  assert.equal(sent?.user, "ada");
  assert.equal(sent?.after, undefined);
  assert.equal(sent?.presence, false);
  assert.equal(sent?.heartbeat && durationMs(sent.heartbeat), 15_000);
});

test("resumes after the last message and drops what is repeated", async () => {
  const server = scriptedServer([
    sends(welcome(0), chat(1), chat(2), unavailable()),
    sends(welcome(2), "end"),
    sends(welcome(2), chat(1), chat(2), chat(3), new ConnectError("reset", Code.Aborted)),
    sends(welcome(3), chat(3), chat(4)),
  ]);
  const subscription = createChatClient(server.transport, options).subscribe(request);
  assert.deepEqual(await read(subscription, 4), [1n, 2n, 3n, 4n]);
  assert.deepEqual(
    server.requests.map(({ after }) => after?.sequence),
    [undefined, 2n, 2n, 3n],
  );
  assert.equal(server.requests[3]?.after?.epoch, epoch);
});

test("the welcome fixes the position though the stream breaks right after it", async () => {
  const server = scriptedServer([sends(welcome(9), "end"), sends(welcome(9), chat(10))]);
  const subscription = createChatClient(server.transport, options).subscribe(request);
  assert.deepEqual(await read(subscription, 1), [10n]);
  assert.equal(server.requests[1]?.after?.sequence, 9n);
});

test("a heartbeat moves the position to resume after", async () => {
  const server = scriptedServer([
    sends(welcome(1), heartbeat(40), "end"),
    sends(welcome(40), chat(41)),
  ]);
  const subscription = createChatClient(server.transport, options).subscribe(request);
  assert.deepEqual(await read(subscription, 1), [41n]);
  assert.equal(server.requests[1]?.after?.sequence, 40n);
});

test("presence messages are yielded when asked for", async () => {
  const join = create(MessageSchema, { type: MessageType.JOIN, user: "bob", sequence: 3n });
  const server = scriptedServer([sends(welcome(3), join, chat(4))]);
  const { subscribe } = createChatClient(server.transport);
  assert.deepEqual(await read(subscribe({ ...request, presence: true }), 2), [3n, 4n]);
  assert.equal(server.requests[0]?.presence, true);
});

test("nothing happens before the first next()", async () => {
  const server = scriptedServer([sends(welcome(0))]);
  const subscription = createChatClient(server.transport).subscribe(request);
  const iterator = subscription[Symbol.asyncIterator]();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(server.requests.length, 0);
  assert.deepEqual(await iterator.return?.(), { done: true, value: undefined });
  assert.deepEqual(subscription.state, { name: "closed" });
});

test("is for one consumer", () => {
  const server = scriptedServer([sends(welcome(0))]);
  const subscription = createChatClient(server.transport).subscribe(request);
  subscription[Symbol.asyncIterator]();
  assert.throws(() => subscription[Symbol.asyncIterator](), TypeError);
});

test("a stream that is silent is given up", async (t) => {
  controlClock(t).run();
  const server = scriptedServer([sends(welcome(0), chat(1)), sends(), sends(welcome(1), chat(2))]);
  const states: SubscriptionState[] = [];
  const subscription = createChatClient(server.transport, {
    ...options,
    heartbeatMs: 1_000,
  }).subscribe(request, { onStateChange: (state) => states.push(state) });
  assert.deepEqual(await read(subscription, 2), [1n, 2n]);
  const waits = states.filter((state) => state.name === "waiting");
  assert.equal(waits.length, 2);
  assert.match(waits[0]?.error.message ?? "", /silent for 2000 ms/);
});

test("a reader may take its time over a message", async (t) => {
  const clock = controlClock(t);
  const server = scriptedServer([sends(welcome(0), chat(1), chat(2))]);
  const subscription = createChatClient(server.transport).subscribe(request);
  const iterator = subscription[Symbol.asyncIterator]();
  await iterator.next();
  // Far longer than the stream may be silent.
  clock.tick(3_600_000);
  assert.equal((await iterator.next()).value?.sequence, 2n);
  assert.equal(server.requests.length, 1);
  await iterator.return?.();
});

test("the server is read no faster than the consumer reads", async () => {
  let sent = 0;
  const server = scriptedServer([
    async function* () {
      yield welcome(0);
      for (;;) {
        yield chat(++sent);
      }
    },
  ]);
  const subscription = createChatClient(server.transport).subscribe(request);
  let received = 0;
  for await (const _ of subscription) {
    received++;
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(sent - received <= 2, `${sent - received} messages ahead`);
    if (received === 20) {
      break;
    }
  }
});

test("a position that is out of range ends the iteration and names the oldest", async () => {
  const value = { oldest: { epoch: "epoch-2", sequence: 50n }, head: { epoch, sequence: 90n } };
  const outOfRange = new ConnectError("trimmed", Code.OutOfRange, undefined, [
    { desc: PositionOutOfRangeSchema, value },
  ]);
  const server = scriptedServer([sends(outOfRange)]);
  const subscription = createChatClient(server.transport, options).subscribe({
    ...request,
    after: { epoch, sequence: 3n },
  });
  await assert.rejects(read(subscription, 1), (error) => {
    assert.ok(error instanceof PositionOutOfRangeError);
    assert.ok(error instanceof ConnectError);
    assert.equal(error.code, Code.OutOfRange);
    assert.equal(error.oldest.sequence, 50n);
    assert.equal(error.oldest.epoch, "epoch-2");
    assert.equal(error.head.sequence, 90n);
    assert.deepEqual(subscription.state, { name: "closed", error });
    return true;
  });
  assert.equal(server.requests.length, 1);
});

for (const code of [
  Code.InvalidArgument,
  Code.Unauthenticated,
  Code.NotFound,
  Code.Unimplemented,
]) {
  test(`${Code[code]} ends the iteration`, async () => {
    const server = scriptedServer([sends(new ConnectError("no", code))]);
    const subscription = createChatClient(server.transport, options).subscribe(request);
    await assert.rejects(
      read(subscription, 1),
      (error) => error instanceof ConnectError && error.code === code,
    );
    assert.equal(server.requests.length, 1);
  });
}

test("the signal ends the iteration quietly, and the stream with it", async () => {
  const { promise: streamEnded, resolve: onStreamEnd } = Promise.withResolvers<void>();
  const server = scriptedServer([
    async function* (_, context) {
      context.signal.addEventListener("abort", () => onStreamEnd());
      yield welcome(0);
      await silence(context);
    },
  ]);
  const controller = new AbortController();
  const subscription = createChatClient(server.transport).subscribe(request, {
    signal: controller.signal,
    onStateChange: (state) => state.name === "live" && controller.abort(),
  });
  assert.deepEqual(await read(subscription, 1), []);
  assert.deepEqual(subscription.state, { name: "closed" });
  assert.equal(getEventListeners(controller.signal, "abort").length, 0);
  await streamEnded;
});

test("a signal that is aborted already opens nothing", async () => {
  const server = scriptedServer([sends(welcome(0), chat(1))]);
  const subscription = createChatClient(server.transport).subscribe(request, {
    signal: AbortSignal.abort(),
  });
  assert.deepEqual(await read(subscription, 1), []);
  assert.equal(server.requests.length, 0);
});

test("the signal ends a wait between streams", async () => {
  const server = scriptedServer([sends(unavailable())]);
  const controller = new AbortController();
  const subscription = createChatClient(server.transport, {
    backoff: { initialMs: 3_600_000, maxMs: 3_600_000 },
  }).subscribe(request, {
    signal: controller.signal,
    onStateChange: (state) => state.name === "waiting" && setImmediate(() => controller.abort()),
  });
  assert.deepEqual(await read(subscription, 1), []);
});

test("return() ends a next() that waits", async () => {
  const server = scriptedServer([sends(welcome(0))]);
  const { promise: live, resolve: onLive } = Promise.withResolvers<void>();
  const subscription = createChatClient(server.transport).subscribe(request, {
    onStateChange: (state) => state.name === "live" && onLive(),
  });
  const iterator = subscription[Symbol.asyncIterator]();
  const next = iterator.next();
  await live;
  await iterator.return?.();
  assert.deepEqual(await next, { done: true, value: undefined });
});
