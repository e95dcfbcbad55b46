import assert from "node:assert/strict";
import { once } from "node:events";
import { suite, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createWritableIterable } from "@connectrpc/connect/protocol";
import { ChatService, type MessageSchema } from "@parley/proto/chat/v1";
import { WebSocket } from "ws";
import { createWebSocketTransport, type WebSocketTransportOptions } from "./index.ts";
import { type ChatServerOptions, startChatServer } from "./testing/chat-server.ts";
import { echoHandlers } from "./testing/echo-handlers.ts";

type MessageInit = MessageInitShape<typeof MessageSchema>;

const windowBytes = 256 * 1024;
const content = "x".repeat(10_000);

function clientOf(
  baseUrl: string,
  options: WebSocketTransportOptions = {},
): Client<typeof ChatService> {
  return createClient(ChatService, createWebSocketTransport({ baseUrl, ...options }));
}

async function collect(messages: AsyncIterable<{ readonly content: string }>): Promise<string[]> {
  const contents: string[] = [];
  for await (const { content } of messages) {
    contents.push(content);
  }
  return contents;
}

async function* each(...contents: string[]): AsyncGenerator<MessageInit> {
  for (const content of contents) {
    yield { content };
  }
}

function hasCode(code: Code, message?: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof ConnectError, String(error));
    assert.equal(Code[error.code], Code[code], error.message);
    assert.match(error.message, message ?? /./);
    return true;
  };
}

for (const leanPath of [true, false]) {
  for (const useBinaryFormat of [true, false]) {
    const name = `${useBinaryFormat ? "binary" : "JSON"}, ${leanPath ? "lean" : "stock"} path`;
    suite(name, () => {
      const options: ChatServerOptions = { leanPath, handlers: echoHandlers };

      test("calls of each kind", async (t) => {
        const { url } = await startChatServer(t, options);
        const client = clientOf(url, { useBinaryFormat });
        assert.equal((await client.sendMessage({ content: "grüße" })).messageId, "grüße");
        const received = await collect(client.subscribeMessages({ room: "r", user: "3" }));
        assert.deepEqual(received, ["r 0", "r 1", "r 2"]);
        assert.equal((await client.uploadMessages(each("a", "b", "c"))).messageCount, 3);
        assert.equal((await client.uploadMessages(each())).messageCount, 0);
        assert.deepEqual(await collect(client.chat(each("a", "b"))), ["a", "b"]);
      });

      test("a chat goes both ways at once, and on after the half-close", async (t) => {
        const { url } = await startChatServer(t, options);
        const input = createWritableIterable<MessageInit>();
        const output = clientOf(url, { useBinaryFormat }).chat(input)[Symbol.asyncIterator]();
        for (const content of ["first", "second"]) {
          void input.write({ content });
          assert.equal((await output.next()).value?.content, content);
        }
        void input.write({ content: "last" });
        input.close();
        assert.equal((await output.next()).value?.content, "last");
        assert.equal((await output.next()).done, true);
      });

      test("headers and trailers, both ways", async (t) => {
        const { url } = await startChatServer(t, options);
        const client = clientOf(url, { useBinaryFormat });
        for (const call of ["unary", "stream"]) {
          const seen: Record<string, string | null> = {};
          const callOptions = {
            headers: { "x-question": "why" },
            onHeader: (header: Headers) => {
              seen.answer = header.get("x-answer");
            },
            onTrailer: (trailer: Headers) => {
              seen.end = trailer.get("x-end");
            },
          };
          await (call === "unary"
            ? client.sendMessage({ content: "m" }, callOptions)
            : collect(client.subscribeMessages({ room: "r", user: "1" }, callOptions)));
          assert.deepEqual(seen, { answer: "why!", end: "done" });
        }
      });

      test("errors, with their details and metadata", async (t) => {
        const { url } = await startChatServer(t, options);
        const client = clientOf(url, { useBinaryFormat });
        const calls = [
          () => client.sendMessage({ content: "error" }),
          () => collect(client.subscribeMessages({ room: "error", user: "1" })),
          () => collect(client.chat(each("a", "error"))),
        ];
        for (const call of calls) {
          await assert.rejects(call, (error) => {
            assert.ok(error instanceof ConnectError);
            assert.equal(error.code, Code.ResourceExhausted);
            assert.equal(error.rawMessage, "höchstens zehn");
            assert.equal(error.findDetails(DurationSchema)[0]?.seconds, 7n);
            assert.equal(error.metadata.get("x-reason"), "because");
            return true;
          });
        }
      });

      test("messages far larger than a window", async (t) => {
        const { url } = await startChatServer(t, options);
        const large = "y".repeat(3_000_000);
        const client = clientOf(url, { useBinaryFormat });
        assert.deepEqual(await collect(client.chat(each(large, "m", large))), [large, "m", large]);
      });

      test("deadlines and cancellation reach the handler", async (t) => {
        const reasons: unknown[] = [];
        let left = Promise.withResolvers<void>();
        const { url } = await startChatServer(t, {
          ...options,
          handlers: {
            async *subscribeMessages({ room }, { signal }) {
              yield { content: room };
              await once(signal, "abort");
              reasons.push(ConnectError.from(signal.reason).code);
              left.resolve();
              throw signal.reason;
            },
          },
        });
        const client = clientOf(url, { useBinaryFormat });
        // Long enough for the call to reach its handler.
        const late = collect(client.subscribeMessages({ room: "r" }, { timeoutMs: 1_000 }));
        await assert.rejects(late, hasCode(Code.DeadlineExceeded));
        await left.promise;

        left = Promise.withResolvers();
        const controller = new AbortController();
        const messages = client.subscribeMessages({ room: "r" }, { signal: controller.signal });
        const iterator = messages[Symbol.asyncIterator]();
        await iterator.next();
        const next = iterator.next();
        controller.abort();
        await assert.rejects(next, hasCode(Code.Canceled));
        await left.promise;
        assert.equal(reasons.at(-1), Code.Canceled);
      });
    });
  }
}

suite("back-pressure", () => {
  for (const leanPath of [true, false]) {
    test(`a reader that stops holds the ${leanPath ? "lean" : "stock"} path`, async (t) => {
      let madeBytes = 0;
      const { url } = await startChatServer(t, {
        leanPath,
        handlers: {
          ...echoHandlers,
          async *subscribeMessages() {
            for (;;) {
              madeBytes += content.length;
              yield { content };
            }
          },
        },
      });
      const client = clientOf(url);
      const controller = new AbortController();
      const { signal } = controller;
      const reader = client.subscribeMessages({}, { signal })[Symbol.asyncIterator]();
      await reader.next();
      await settled(client, () => madeBytes);
      const limit = 2 * windowBytes;
      assert.ok(madeBytes > windowBytes / 2 && madeBytes < limit, `${madeBytes} bytes were made`);
      // It goes on when the reader does.
      for (let readBytes = 0; readBytes < 4 * windowBytes; readBytes += content.length) {
        await reader.next();
      }
      await settled(client, () => madeBytes);
      assert.ok(madeBytes < 4 * windowBytes + limit, `${madeBytes} bytes were made`);
      controller.abort();
    });

    test(`a handler that does not read on the ${leanPath ? "lean" : "stock"} path holds the client`, async (t) => {
      const read = Promise.withResolvers<void>();
      const { url } = await startChatServer(t, {
        leanPath,
        handlers: {
          ...echoHandlers,
          async uploadMessages(messages) {
            await read.promise;
            let messageCount = 0;
            for await (const _ of messages) {
              messageCount += 1;
            }
            return { messageCount };
          },
        },
      });
      let takenBytes = 0;
      const client = clientOf(url);
      const uploaded = client.uploadMessages(
        (async function* () {
          for (let index = 0; index < 200; index++) {
            takenBytes += content.length;
            yield { content };
          }
        })(),
      );
      await settled(client, () => takenBytes);
      assert.ok(takenBytes < 2 * windowBytes, `${takenBytes} bytes were taken`);
      read.resolve();
      assert.equal((await uploaded).messageCount, 200);
    });
  }
});

suite("the end of a call", () => {
  test("an answer before the end of the request returns its iterable", async (t) => {
    const returned = Promise.withResolvers<void>();
    const { url, tunnel } = await startChatServer(t, {
      handlers: {
        async uploadMessages(messages) {
          for await (const _ of messages) {
            break;
          }
          return { messageCount: 1 };
        },
      },
    });
    const response = await clientOf(url).uploadMessages(
      (async function* () {
        try {
          for (;;) {
            yield { content: "m" };
            await setImmediate();
          }
        } finally {
          returned.resolve();
        }
      })(),
    );
    assert.equal(response.messageCount, 1);
    await returned.promise;
    while (tunnel.socketCount > 0) {
      await setImmediate();
    }
  });

  test("an iterable that throws rejects the call with its error", async (t) => {
    const left = Promise.withResolvers<void>();
    const { url } = await startChatServer(t, {
      handlers: {
        async uploadMessages(messages, { signal }) {
          signal.addEventListener("abort", () => left.resolve());
          for await (const _ of messages) {
          }
          return {};
        },
      },
    });
    const reason = new ConnectError("the file is gone", Code.DataLoss);
    const call = clientOf(url).uploadMessages(
      (async function* () {
        yield { content: "m" };
        throw reason;
      })(),
    );
    await assert.rejects(call, reason);
    await left.promise;
  });

  test("limits on both sides", async (t) => {
    const { url } = await startChatServer(t, { handlers: echoHandlers, readMaxBytes: 1_000 });
    const tooLarge = { content: "x".repeat(2_000) };
    const call = clientOf(url).sendMessage(tooLarge);
    await assert.rejects(call, hasCode(Code.ResourceExhausted));
    const upload = clientOf(url).uploadMessages(each(tooLarge.content));
    await assert.rejects(upload, hasCode(Code.ResourceExhausted));
    const messages = clientOf(url, { readMaxBytes: 100 }).chat(each("x".repeat(200)));
    await assert.rejects(collect(messages), hasCode(Code.ResourceExhausted));
  });

  test("a drain is UNAVAILABLE", async (t) => {
    const { url, drain } = await startChatServer(t, {
      handlers: {
        async *chat(messages) {
          for await (const { content } of messages) {
            yield { content };
          }
        },
      },
    });
    const input = createWritableIterable<MessageInit>();
    const output = clientOf(url).chat(input)[Symbol.asyncIterator]();
    void input.write({ content: "m" });
    await output.next();
    const drained = drain.run();
    await assert.rejects(output.next(), hasCode(Code.Unavailable, /draining/));
    await drained;
  });

  test("a server that is killed is UNAVAILABLE, and so is none", async (t) => {
    const { url, kill } = await startChatServer(t, { handlers: echoHandlers });
    const client = clientOf(url);
    const input = createWritableIterable<MessageInit>();
    const output = client.chat(input)[Symbol.asyncIterator]();
    void input.write({ content: "m" });
    await output.next();
    const next = output.next();
    void kill();
    await assert.rejects(next, hasCode(Code.Unavailable, /1006/));
    await assert.rejects(client.sendMessage({}), hasCode(Code.Unavailable, /cannot be reached/));
  });

  test("a page that may not call is UNAVAILABLE", async (t) => {
    const { url } = await startChatServer(t, { handlers: echoHandlers });
    const client = clientOf(url, {
      openWebSocket: (url, protocol) =>
        new WebSocket(url, protocol, { origin: "https://evil.example" }),
    });
    await assert.rejects(client.sendMessage({}), hasCode(Code.Unavailable, /refused/));
  });

  test("a signal that was aborted opens no socket", async () => {
    const client = clientOf("http://127.0.0.1:1", {
      openWebSocket: () => assert.fail("a socket was opened"),
    });
    const call = client.sendMessage({}, { signal: AbortSignal.abort() });
    await assert.rejects(call, hasCode(Code.Canceled));
  });
});

/** Resolves when a count stays the same for a few calls over another socket. */
async function settled(client: Client<typeof ChatService>, count: () => number): Promise<void> {
  for (let before = -1, same = 0; same < 5; ) {
    await client.sendMessage({ content: "m" });
    same = count() === before ? same + 1 : 0;
    before = count();
  }
}
