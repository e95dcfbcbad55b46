import assert from "node:assert/strict";
import { test } from "node:test";
import { type CallOptions, createClient, type Transport } from "@connectrpc/connect";
import { ChatService } from "@parley/proto/chat/v1";
import {
  createBrowserTransport,
  createWebSocketTransport,
  type TransportOptions,
} from "./index.ts";
import { type ChatImplementation, startChatServer } from "./testing/chat-server.ts";

const dayMs = 86_400_000;

/** Handlers that answer with the deadline they were given. */
const handlers: ChatImplementation = {
  sendMessage: (_, context) => ({ messageId: String(context.timeoutMs()) }),
  async *subscribeMessages(_, context) {
    yield { content: String(context.timeoutMs()) };
  },
  async *chat(_, context) {
    yield { content: String(context.timeoutMs()) };
  },
};

/** The deadlines that each kind of call has at the server. */
async function deadlinesOf(transport: Transport, options?: CallOptions): Promise<number[]> {
  const client = createClient(ChatService, transport);
  const { messageId } = await client.sendMessage({ content: "m" }, options);
  const deadlines = [Number(messageId)];
  for (const call of [
    () => client.subscribeMessages({}, options),
    () => client.chat(none(), options),
  ]) {
    for await (const { content } of call()) {
      deadlines.push(Number(content));
    }
  }
  return deadlines;
}

async function* none() {}

const transports: Record<string, (options: TransportOptions) => Transport> = {
  createBrowserTransport,
  createWebSocketTransport,
};

for (const [name, createTransport] of Object.entries(transports)) {
  for (const timeoutMs of [30 * dayMs, Number.POSITIVE_INFINITY, 10 * dayMs + 0.5]) {
    test(`${name}: a deadline after ${timeoutMs} ms is far off`, async (t) => {
      const { url: baseUrl } = await startChatServer(t, { handlers });
      const deadlines = [
        ...(await deadlinesOf(createTransport({ baseUrl }), { timeoutMs })),
        ...(await deadlinesOf(createTransport({ baseUrl, defaultTimeoutMs: timeoutMs }))),
      ];
      assert.equal(deadlines.length, 6);
      assert.ok(
        deadlines.every((ms) => ms > 9 * dayMs),
        deadlines.join(),
      );
    });
  }

  test(`${name}: a call without a deadline has none`, async (t) => {
    const { url: baseUrl } = await startChatServer(t, { handlers });
    const never = [Number.NaN, Number.NaN, Number.NaN];
    const transport = createTransport({ baseUrl, defaultTimeoutMs: 60_000 });
    assert.deepEqual(await deadlinesOf(createTransport({ baseUrl })), never);
    assert.deepEqual(await deadlinesOf(transport, { timeoutMs: 0 }), never);
    assert.ok((await deadlinesOf(transport)).every((ms) => ms <= 60_000));
  });
}
