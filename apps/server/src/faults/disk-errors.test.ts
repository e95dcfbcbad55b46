import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ChatService } from "@parley/proto/chat/v1";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { needsTools } from "@parley/testing/tools";
import { databasePath } from "../log/sqlite/database.ts";
import { readHistory } from "./testing/message-load.ts";
import { injectErrors } from "./testing/tamper-with-calls.ts";

const needsStrace = needsTools("strace");
const room = "room";

/** A server on a folder, and a client that remembers what was acknowledged. */
async function startServer(t: TestContext, folder: string) {
  const server = await startServerProcess(["--data", folder, "--port", "0", "--log-level", "info"]);
  t.after(() => server.stop("SIGKILL"));
  const client = createClient(ChatService, createGrpcTransport({ baseUrl: server.url }));
  return { server, client, files: [databasePath(folder), `${databasePath(folder)}-wal`] as const };
}

type Client = Awaited<ReturnType<typeof startServer>>["client"];

async function send(client: Client, content: string, acknowledged: string[]): Promise<bigint> {
  const message = { room, user: "ann", content, idempotencyKey: content.slice(0, 64) };
  const { sequence } = await client.sendMessage(message);
  acknowledged.push(content);
  return sequence;
}

async function stored(client: Client): Promise<string[]> {
  return (await readHistory(client, room)).map(({ content }) => content);
}

function isUnavailable(reason: RegExp) {
  return (error: unknown) => {
    const { code, rawMessage } = ConnectError.from(error);
    assert.equal(code, Code.Unavailable, rawMessage);
    assert.match(rawMessage, reason);
    return true;
  };
}

const isDiskError = isUnavailable(/disk I\/O error/);

/** SQLite takes what a disk cannot read for damaged. */
function isDamage(error: unknown) {
  const { code, rawMessage } = ConnectError.from(error);
  assert.equal(code, Code.DataLoss, rawMessage);
  assert.match(rawMessage, /database disk image is malformed/);
  return true;
}

test(
  "a write that fails refuses its message, and writing goes on after it",
  needsStrace,
  async (t) => {
    const folder = temporaryFolder(t);
    const { server, client, files } = await startServer(t, folder);
    const acknowledged: string[] = [];
    await send(client, "before", acknowledged);
    const subscription = client.subscribeMessages({ room, user: "reader" })[Symbol.asyncIterator]();
    await subscription.next();
    const errors = await injectErrors(server.pid, ["pwrite64"], files);
    t.after(() => errors.stop());
    for (let index = 0; index < 5; index++) {
      await assert.rejects(send(client, `refused ${index}`, acknowledged), isDiskError);
    }
    assert.ok(errors.count >= 5);
    assert.deepEqual(await stored(client), acknowledged, "what is stored can be read");
    await errors.stop();
    assert.equal(await send(client, "after", acknowledged), 2n, "no sequence was used up");
    assert.equal(await send(client, "refused 0", acknowledged), 3n, "nor a key");
    for (const content of ["after", "refused 0"]) {
      assert.equal((await subscription.next()).value?.content, content);
    }
    assert.match(server.output(), /"level":50.*"code":"Unavailable".*disk I\/O error/);
    await server.stop("SIGKILL");
    const next = await startServer(t, folder);
    assert.deepEqual(await stored(next.client), acknowledged);
  },
);

test(
  "a sync that fails ends the process, and the next one knows what was acknowledged",
  needsStrace,
  async (t) => {
    const folder = temporaryFolder(t);
    const acknowledged: string[] = [];
    for (let round = 0; round < 3; round++) {
      const { server, client, files } = await startServer(t, folder);
      assert.deepEqual(await stored(client), acknowledged, "everything, once and in order");
      for (let index = 0; index < 20; index++) {
        await send(client, `${round} ${index}`, acknowledged);
      }
      const errors = await injectErrors(server.pid, ["fsync", "fdatasync"], files);
      const refused = `refused ${round}`;
      await assert.rejects(send(client, refused, acknowledged), isDiskError);
      // A signal that does nothing: it ends by itself.
      assert.equal(await server.stop("SIGCONT"), 1);
      await errors.stop();
      assert.match(
        server.output(),
        /"level":60.*a thread of the message log died.*disk I\/O error/,
      );
      // Whether it was stored is unknown: the same key makes it be there once.
      const next = await startServer(t, folder);
      await send(next.client, refused, acknowledged);
      await next.server.stop("SIGKILL");
    }
  },
);

test("a checkpoint that fails loses nothing", needsStrace, async (t) => {
  const folder = temporaryFolder(t);
  const acknowledged: string[] = [];
  for (const call of ["pwrite64", "fsync"]) {
    const { server, client, files } = await startServer(t, folder);
    const errors = await injectErrors(server.pid, [call, "fdatasync"], files.slice(0, 1));
    t.after(() => errors.stop());
    let isInjected = false;
    errors.injected.then(() => {
      isInjected = true;
    });
    for (let index = 0; !isInjected; index++) {
      await send(client, `${call} ${index} `.padEnd(30_000, "x"), acknowledged);
    }
    await send(client, `${call} meanwhile`, acknowledged);
    await errors.stop();
    await send(client, `${call} after`, acknowledged);
    await server.stop("SIGKILL");
  }
  const { client } = await startServer(t, folder);
  assert.deepEqual(await stored(client), acknowledged);
});

test("a read that fails fails its call alone", needsStrace, async (t) => {
  const folder = temporaryFolder(t);
  const acknowledged: string[] = [];
  const first = await startServer(t, folder);
  for (let index = 0; index < 50; index++) {
    await send(first.client, `${index} `.padEnd(3_000, "x"), acknowledged);
  }
  assert.equal(await first.server.stop(), 0);
  const { server, client, files } = await startServer(t, folder);
  const errors = await injectErrors(server.pid, ["pread64", "read"], files);
  t.after(() => errors.stop());
  await assert.rejects(stored(client), isDamage);
  await assert.rejects(async () => {
    const subscription = client.subscribeMessages({ room, user: "reader", after: {} });
    let index = 0;
    for await (const { id, content } of subscription) {
      if (id !== "system") {
        assert.equal(content, acknowledged[index], "nothing but what was stored");
        index += 1;
      }
    }
  }, isDamage);
  await assert.rejects(send(client, "refused", acknowledged), isDamage);
  await errors.stop();
  assert.deepEqual(await stored(client), acknowledged);
  assert.equal(await send(client, "after", acknowledged), 51n);
  assert.match(
    server.output(),
    /"level":50.*cannot read the message log: database disk image is malformed/,
  );
  assert.equal(await server.stop(), 0);
});

for (const call of ["pwrite64", "fsync", "pread64"]) {
  test(`a disk whose ${call} fails at the start is told`, needsStrace, async (t) => {
    const folder = temporaryFolder(t);
    const { server, client } = await startServer(t, folder);
    await send(client, "stored", []);
    await server.stop("SIGKILL");
    const mainPath = fileURLToPath(new URL("../main.ts", import.meta.url));
    const inject = ["-e", `trace=${call}`, "-e", `inject=${call}:error=EIO`];
    const files = [databasePath(folder), `${databasePath(folder)}-wal`];
    const child = spawn(
      "strace",
      [
        ...["-f", "-o", "/dev/null", ...inject, ...files.flatMap((file) => ["-P", file])],
        ...[process.execPath, mainPath, "--data", folder, "--port", "0"],
      ],
      { timeout: 120_000 },
    );
    const exited = once(child, "exit");
    const stderr = (await Promise.all([text(child.stdout), text(child.stderr)]))[1];
    assert.match(
      stderr,
      /^parley-server: cannot (open|read) .*messages\.sqlite(-wal)?: .*i\/o error.*\n$/i,
    );
    assert.deepEqual(await exited, [1, null]);
    const next = await startServer(t, folder);
    assert.deepEqual(await stored(next.client), ["stored"]);
  });
}
