import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { ChatService, type Message } from "@parley/proto/chat/v1";
import { createChatClient, UploadError, type UploadMessage } from "../index.ts";

function clientOf(uploadMessages: ServiceImpl<typeof ChatService>["uploadMessages"]) {
  return createChatClient(
    createRouterTransport(({ service }) => service(ChatService, { uploadMessages })),
  );
}

function line(n: number): UploadMessage {
  return { room: "lobby", user: "ada", content: `line ${n}` };
}

/** Yields lines without end; `closed` resolves when it was closed. */
function endless() {
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  const source = {
    taken: 0,
    closed,
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          yield line(source.taken++);
        }
      } finally {
        close();
      }
    },
  };
  return source;
}

test("messages arrive in order, with the keys that they were given and no others", async () => {
  const received: Message[] = [];
  const client = clientOf(async (messages) => {
    for await (const message of messages) {
      received.push(message);
    }
    return { messageCount: received.length, success: true, duplicateCount: 1 };
  });
  const timestamp = new Date(5_000);
  const progress: number[] = [];
  const result = await client.upload(
    [line(0), { ...line(1), idempotencyKey: "mine", timestamp }, line(2)],
    { onProgress: (sent) => progress.push(sent) },
  );
  assert.deepEqual(result, { messageCount: 3, duplicateCount: 1 });
  assert.deepEqual(
    received.map(({ content }) => content),
    ["line 0", "line 1", "line 2"],
  );
  assert.deepEqual(
    received.map(({ idempotencyKey }) => idempotencyKey),
    ["", "mine", ""],
  );
  assert.equal(received[0]?.timestamp, undefined);
  assert.equal(received[1]?.timestamp?.seconds, 5n);
  assert.deepEqual(progress, [1, 2, 3]);
});

test("the source is read no faster than the server reads", async () => {
  const source = endless();
  let ahead = 0;
  const client = clientOf(async (messages) => {
    let count = 0;
    for await (const _ of messages) {
      count++;
      // Time for a client that does not wait to run ahead.
      await new Promise((resolve) => setImmediate(resolve));
      ahead = Math.max(ahead, source.taken - count);
      if (count === 20) {
        break;
      }
    }
    return { messageCount: count, success: true };
  });
  assert.equal((await client.upload(source)).messageCount, 20);
  assert.ok(ahead <= 2, `${ahead} messages ahead`);
  await source.closed;
});

test("a failure tells its code and how many messages were sent, and closes the source", async () => {
  const client = clientOf(async (messages) => {
    let count = 0;
    for await (const _ of messages) {
      if (++count === 3) {
        throw new ConnectError("draining", Code.Unavailable);
      }
    }
    return {};
  });
  const source = endless();
  await assert.rejects(client.upload(source), (error) => {
    assert.ok(error instanceof UploadError);
    assert.ok(error instanceof ConnectError);
    assert.equal(error.code, Code.Unavailable);
    assert.equal(error.rawMessage, "draining");
    assert.ok(error.sent >= 2 && error.sent <= 4, `${error.sent} sent`);
    return true;
  });
  await source.closed;
});

test("a failure is told at once though the source has nothing to say", async () => {
  const client = clientOf(async () => {
    throw new ConnectError("no", Code.PermissionDenied);
  });
  let closed = false;
  const source: AsyncIterable<UploadMessage> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: () => {
        closed = true;
        return new Promise(() => {});
      },
    }),
  };
  await assert.rejects(client.upload(source), UploadError);
  assert.ok(closed);
});

test("what the source throws is what the upload rejects with", async () => {
  const client = clientOf(async (messages) => {
    for await (const _ of messages);
    return {};
  });
  const reason = new Error("disk unplugged");
  async function* source() {
    yield line(0);
    throw reason;
  }
  await assert.rejects(client.upload(source()), reason);
});

test("content that is too large ends the upload", async () => {
  const client = clientOf(async (messages) => {
    for await (const _ of messages);
    return {};
  });
  await assert.rejects(
    client.upload([line(0), { ...line(1), content: "x".repeat(10_481_665) }]),
    (error) =>
      error instanceof UploadError && error.code === Code.ResourceExhausted && error.sent === 1,
  );
});

test("the signal cancels an upload and closes its source", async () => {
  const client = clientOf(async (messages) => {
    for await (const _ of messages);
    return {};
  });
  const controller = new AbortController();
  const source = endless();
  await assert.rejects(
    client.upload(source, {
      signal: controller.signal,
      onProgress: (sent) => sent === 5 && controller.abort(),
    }),
    (error) => error instanceof UploadError && error.code === Code.Canceled && error.sent >= 5,
  );
  await source.closed;
});

test("an UploadError is told apart from other errors of Connect", () => {
  const error = new ConnectError("no", Code.Internal);
  assert.ok(!(error instanceof UploadError));
  assert.ok(new UploadError(error, 0) instanceof UploadError);
});
