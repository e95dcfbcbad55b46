import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { ChatService } from "@parley/proto/chat/v1";
import { freePort } from "@parley/testing/free-port";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { readHistory } from "./testing/message-load.ts";

// What the contract says of an upload that fails: messages before the failure may have been
// appended, and with an idempotency key for each all of them can be sent again.

const rooms = ["a", "b", "c"];
const messageCount = 3_000;

const messages = Array.from({ length: messageCount }, (_, index) => {
  const room = rooms[index % rooms.length] as string;
  return { room, user: "ann", content: `${index}`, idempotencyKey: `key ${index}` };
});

type Client = ReturnType<typeof clientOf>;

function clientOf(baseUrl: string, protocol = "grpc") {
  const transport =
    protocol === "grpc"
      ? createGrpcTransport({ baseUrl })
      : createConnectTransport({ baseUrl, httpVersion: "2" });
  return createClient(ChatService, transport);
}

async function storedContents(client: Client): Promise<Map<string, string[]>> {
  const stored = new Map<string, string[]>();
  for (const room of rooms) {
    stored.set(
      room,
      (await readHistory(client, room)).map(({ content }) => content),
    );
  }
  return stored;
}

function expectedContents(room: string): string[] {
  return messages.filter((message) => message.room === room).map(({ content }) => content);
}

/** Shows that each room holds the first messages sent to it, once and in order. */
async function assertIsPrefix(client: Client): Promise<Map<string, string[]>> {
  const stored = await storedContents(client);
  for (const [room, contents] of stored) {
    assert.deepEqual(contents, expectedContents(room).slice(0, contents.length));
  }
  return stored;
}

function countOf(stored: Map<string, string[]>): number {
  return [...stored.values()].flat().length;
}

/** The same upload again appends what is missing, and nothing twice. */
async function assertRepeatCompletes(client: Client): Promise<void> {
  const storedBefore = countOf(await assertIsPrefix(client));
  async function* all() {
    yield* messages;
  }
  const answer = await client.uploadMessages(all());
  assert.equal(answer.messageCount, messageCount);
  // Some of the first upload may have been on its way to the disk until now.
  assert.ok(answer.duplicateCount >= storedBefore);
  assert.equal(countOf(await assertIsPrefix(client)), messageCount);
}

/** After a restart nothing is on its way: all rooms together hold the first messages sent. */
async function assertIsPrefixOfAll(client: Client): Promise<number> {
  const stored = await assertIsPrefix(client);
  const indexes = [...stored.values()].flat().map(Number);
  assert.equal(indexes.length, Math.max(-1, ...indexes) + 1, "no gap between rooms");
  return indexes.length;
}

/** Sends half of the messages, does something once they are stored, and goes on. */
async function* interrupted(client: Client, interrupt: () => Promise<void>) {
  yield* messages.slice(0, messageCount / 2);
  while (countOf(await assertIsPrefix(client)) < messageCount / 2) {}
  await interrupt();
  yield* messages.slice(messageCount / 2);
}

async function startServer(t: TestContext, folder: string, port = 0) {
  const server = await startServerProcess(["--data", folder, "--port", String(port)]);
  t.after(() => server.stop("SIGKILL"));
  return server;
}

suite("an upload that fails leaves a prefix, and can be repeated", { concurrency: 2 }, () => {
  for (const protocol of ["grpc", "connect"]) {
    test(`the caller goes away in the middle, over ${protocol}`, async (t) => {
      const server = await startServer(t, temporaryFolder(t));
      const client = clientOf(server.url, protocol);
      const other = clientOf(server.url);
      const cut = new AbortController();
      const upload = client.uploadMessages(
        interrupted(other, async () => cut.abort()),
        { signal: cut.signal },
      );
      await assert.rejects(upload, (error) => ConnectError.from(error).code === Code.Canceled);
      await assertRepeatCompletes(client);
    });

    test(`a message in the middle breaks the rules, over ${protocol}`, async (t) => {
      const server = await startServer(t, temporaryFolder(t));
      const client = clientOf(server.url, protocol);
      const bad = { room: "a", user: "", content: "bad", idempotencyKey: "bad" };
      async function* upload() {
        yield* messages.slice(0, 1_000);
        yield bad;
        yield* messages.slice(1_000);
      }
      await assert.rejects(
        client.uploadMessages(upload()),
        (error) => ConnectError.from(error).code === Code.InvalidArgument,
      );
      assert.ok(countOf(await assertIsPrefix(client)) <= 1_000, "nothing after it");
      await assertRepeatCompletes(client);
    });
  }

  test("the server is killed in the middle", async (t) => {
    const [folder, port] = [temporaryFolder(t), await freePort()];
    const server = await startServer(t, folder, port);
    const client = clientOf(server.url);
    const other = clientOf(server.url);
    const upload = client.uploadMessages(
      interrupted(other, async () => void (await server.stop("SIGKILL"))),
    );
    await assert.rejects(upload);
    await startServer(t, folder, port);
    assert.ok((await assertIsPrefixOfAll(clientOf(server.url))) >= messageCount / 2);
    await assertRepeatCompletes(clientOf(server.url));
  });

  test("the server is killed at any moment, again and again", async (t) => {
    const [folder, port] = [temporaryFolder(t), await freePort()];
    let server = await startServer(t, folder, port);
    let atLeast = 0;
    for (const after of [1, 500, 1_700]) {
      const client = clientOf(server.url);
      async function* upload() {
        for (const [index, message] of messages.entries()) {
          if (index === after) {
            // While what was sent is on its way to the disk.
            setImmediate(() => server.stop("SIGKILL"));
          }
          yield message;
        }
      }
      await client.uploadMessages(upload()).catch(() => {});
      await server.stop("SIGKILL");
      server = await startServer(t, folder, port);
      const count = await assertIsPrefixOfAll(clientOf(server.url));
      assert.ok(count >= atLeast);
      atLeast = count;
    }
    await assertRepeatCompletes(clientOf(server.url));
  });
});
