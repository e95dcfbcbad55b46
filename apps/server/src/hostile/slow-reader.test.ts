import assert from "node:assert/strict";
import { test } from "node:test";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { createWebSocketTransport } from "@parley/browser";
import { ChatService, type Message } from "@parley/proto/chat/v1";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";

const messageBytes = 10_000;
const megabyte = 1_000_000;

type ChatClient = Client<typeof ChatService>;

async function startServer(t: { after(dispose: () => void): void }) {
  const folder = temporaryFolder(t);
  const server = await startServerProcess(["--data", folder, "--port", "0"]);
  t.after(() => server.stop("SIGKILL"));
  const connect = () => {
    const sessionManager = new Http2SessionManager(server.url);
    t.after(() => sessionManager.abort());
    return createClient(ChatService, createGrpcTransport({ baseUrl: server.url, sessionManager }));
  };
  const connectTunnel = () =>
    createClient(ChatService, createWebSocketTransport({ baseUrl: server.url }));
  return { gRPC: connect, "a WebSocket": connectTunnel };
}

/** Publishes so many bytes in all, as messages that are numbered from `first` on. */
async function publish(client: ChatClient, room: string, bytes: number, first: number) {
  const count = bytes / messageBytes;
  async function* messages() {
    for (let index = first; index < first + count; index++) {
      yield { room, user: "writer", content: `${index} `.padEnd(messageBytes, "x") };
    }
  }
  assert.equal((await client.uploadMessages(messages())).messageCount, count);
  return first + count;
}

/** Opens a subscription, takes its welcome, and reads no further. */
async function stalledReader(client: ChatClient, room: string, signal?: AbortSignal) {
  const options = signal ? { signal } : {};
  const stream = client.subscribeMessages({ room, user: "reader" }, options);
  const messages = stream[Symbol.asyncIterator]();
  assert.equal((await messages.next()).value?.id, "system");
  return messages;
}

async function residentMegabytes(client: ChatClient): Promise<number> {
  for await (const { name, value, labels } of client.streamMetrics({ intervalSeconds: 1 })) {
    if (name === "memory_usage" && labels.type === "resident") {
      return value;
    }
  }
  throw new Error("the metrics ended");
}

for (const way of ["gRPC", "a WebSocket"] as const) {
  test(`a reader over ${way} that stops while 200 MB are published gets them all, at bounded cost`, async (t) => {
    const { gRPC: connect, [way]: connectReader } = await startServer(t);
    const writer = connect();
    const next = await publish(writer, "room", 40 * megabyte, 0);
    const reader = await stalledReader(connectReader(), "room");
    const before = await residentMegabytes(writer);
    const end = await publish(writer, "room", 200 * megabyte, next);
    const growth = (await residentMegabytes(writer)) - before;
    t.diagnostic(
      `resident memory: ${before.toFixed()} MB before, ${growth.toFixed()} MB more after`,
    );
    assert.ok(growth < 100, `grew by ${growth} MB`);
    for (let index = next; index < end; index++) {
      const { content } = (await reader.next()).value as Message;
      assert.equal(content, `${index} `.padEnd(messageBytes, "x"));
    }
  });
}

test("1,000 readers that stop cost no more than their transport buffers", async (t) => {
  const { gRPC: connect } = await startServer(t);
  const writer = connect();
  let next = await publish(writer, "room", 40 * megabyte, 0);
  const clients = Array.from({ length: 10 }, connect);
  const ended = new AbortController();
  await Promise.all(
    clients.flatMap((client) =>
      Array.from({ length: 100 }, () => stalledReader(client, "room", ended.signal)),
    ),
  );
  // Fills the buffers of all readers, on their side and ours.
  next = await publish(writer, "room", 20 * megabyte, next);
  const before = await residentMegabytes(writer);
  await publish(writer, "room", 200 * megabyte, next);
  const growth = (await residentMegabytes(writer)) - before;
  t.diagnostic(`resident memory: ${before.toFixed()} MB before, ${growth.toFixed()} MB more after`);
  assert.ok(growth < 100, `grew by ${growth} MB`);
  ended.abort();
});
