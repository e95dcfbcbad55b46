import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { before, suite, type TestContext, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ChatService, type Message } from "@parley/proto/chat/v1";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { databasePath } from "../log/sqlite/database.ts";
import { readHistory } from "./testing/message-load.ts";
import { assertRefusesToStart } from "./testing/run-server.ts";
import { createSeededRandom } from "./testing/seeded-random.ts";

const rooms = ["a", "b"];
const pageBytes = 4_096;
const messagesPerRoom = 60;

/** A data folder that a server was killed on, and what it had acknowledged. */
interface Remains {
  readonly folder: string;
  readonly contents: ReadonlyMap<string, readonly string[]>;
}

function clientOf(url: string) {
  return createClient(ChatService, createGrpcTransport({ baseUrl: url }));
}

/** Fills a log and ends its server: by SIGKILL, all is still in the write-ahead log. */
async function fill(folder: string, signal: NodeJS.Signals): Promise<Remains> {
  const server = await startServerProcess(["--data", folder, "--port", "0"]);
  const client = clientOf(server.url);
  const contents = new Map<string, string[]>(rooms.map((room) => [room, []]));
  for (let index = 0; index < messagesPerRoom; index++) {
    for (const [room, ofRoom] of contents) {
      const content = `${room} ${index} `.padEnd(200, "x");
      await client.sendMessage({ room, user: "ann", content });
      ofRoom.push(content);
    }
  }
  await server.stop(signal);
  return { folder, contents };
}

/** A copy to damage. */
function copyOf({ folder }: Remains, t: TestContext) {
  const copy = temporaryFolder(t);
  cpSync(folder, copy, { recursive: true });
  return { folder: copy, file: databasePath(copy), walFile: `${databasePath(copy)}-wal` };
}

function overwrite(file: string, offset: number, bytes: Uint8Array): void {
  const content = readFileSync(file);
  content.set(bytes, offset);
  writeFileSync(file, content);
}

function contentsOf(messages: readonly Message[]): string[] {
  return messages.map(({ content }) => content);
}

/** Starts, reads what there is, and appends a message that is read back. */
async function recover(folder: string, t: TestContext, ...flags: string[]) {
  const server = await startServerProcess(["--data", folder, "--port", "0", ...flags]);
  t.after(() => server.stop("SIGKILL"));
  const client = clientOf(server.url);
  const recovered = new Map<string, string[]>();
  for (const room of rooms) {
    recovered.set(room, contentsOf(await readHistory(client, room)));
    const { sequence } = await client.sendMessage({ room, user: "ann", content: "next" });
    assert.equal(Number(sequence), (recovered.get(room)?.length ?? 0) + 1);
  }
  assert.equal(await server.stop(), 0);
  return { recovered, output: server.output() };
}

suite("damage at the start", { concurrency: 2 }, () => {
  let killed: Remains;
  let stopped: Remains;
  before(async () => {
    const folders: string[] = [];
    const make = () => {
      const folder = temporaryFolder({ after: () => {} });
      folders.push(folder);
      return folder;
    };
    [killed, stopped] = await Promise.all([fill(make(), "SIGKILL"), fill(make(), "SIGTERM")]);
    return () => folders.forEach((folder) => void rmSync(folder, { recursive: true }));
  });

  test("a killed server's files recover whole", async (t) => {
    const { folder } = copyOf(killed, t);
    assert.deepEqual((await recover(folder, t)).recovered, killed.contents);
  });

  test("a stopped server's messages are all in the one file", async (t) => {
    const { folder, walFile } = copyOf(stopped, t);
    rmSync(walFile, { force: true });
    assert.deepEqual((await recover(folder, t)).recovered, stopped.contents);
  });

  for (const bytes of [100, 512, 4_095, 4_096, 5 * pageBytes + 7]) {
    test(`a database cut off after ${bytes} bytes`, (t) => {
      const { folder, file } = copyOf(stopped, t);
      truncateSync(file, bytes);
      return assertRefusesToStart(
        folder,
        /messages\.sqlite: (file is not a database|database disk image is malformed)/,
      );
    });
  }

  // SQLite takes a file of one byte for an empty one.
  for (const bytes of [0, 1]) {
    test(`a database of ${bytes} bytes is a new one, and is said to be`, async (t) => {
      const { folder, file } = copyOf(stopped, t);
      truncateSync(file, bytes);
      const { recovered, output } = await recover(folder, t);
      assert.deepEqual([...recovered.values()], [[], []]);
      assert.match(output, /"level":40.*messages\.sqlite was empty/);
    });
  }

  test("an empty database beside a write-ahead log", async (t) => {
    const { folder, file } = copyOf(killed, t);
    truncateSync(file, 0);
    await assertRefusesToStart(
      folder,
      /messages\.sqlite is empty, though .*-wal holds \d+ transactions/,
    );
  });

  for (const [name, offset, bytes] of [
    ["zeros in the header", 0, Buffer.alloc(100)],
    ["random bytes in the header", 0, randomBytes(100)],
    ["a first page of zeros", 0, Buffer.alloc(pageBytes)],
    ["a first page of random bytes", 100, randomBytes(pageBytes - 100)],
  ] as const) {
    test(name, (t) => {
      const { folder, file } = copyOf(stopped, t);
      overwrite(file, offset, bytes);
      return assertRefusesToStart(folder, /messages\.sqlite: /);
    });
  }

  test("a write-ahead log cut off anywhere keeps what is before the cut", async (t) => {
    const walBytes = readFileSync(`${databasePath(killed.folder)}-wal`).length;
    for (const part of [0, 0.3, 0.999]) {
      const { folder, walFile } = copyOf(killed, t);
      truncateSync(walFile, Math.floor(walBytes * part));
      const { recovered } = await recover(folder, t);
      for (const room of rooms) {
        const found = recovered.get(room) ?? [];
        assert.deepEqual(found, killed.contents.get(room)?.slice(0, found.length));
        assert.ok(found.length >= Math.floor(part * messagesPerRoom) - 30 || part < 0.1);
      }
    }
  });

  for (const [name, part] of [
    ["the header", 0.000001],
    ["the first frames", 0.01],
    ["the middle", 0.5],
  ] as const) {
    test(`flipped bytes in ${name} of a write-ahead log`, async (t) => {
      const { folder, walFile } = copyOf(killed, t);
      const wal = readFileSync(walFile);
      const at = Math.floor(wal.length * part) + 9;
      wal[at] = (wal[at] as number) ^ 0xff;
      writeFileSync(walFile, wal);
      await assertRefusesToStart(
        folder,
        /messages\.sqlite-wal is damaged: \d+ transactions.*--new-epoch/,
      );
      const { recovered } = await recover(folder, t, "--new-epoch");
      for (const room of rooms) {
        const found = recovered.get(room) ?? [];
        assert.deepEqual(found, killed.contents.get(room)?.slice(0, found.length));
      }
    });
  }

  test("a write-ahead log of another database", async (t) => {
    const { folder, walFile } = copyOf(stopped, t);
    cpSync(`${databasePath(killed.folder)}-wal`, walFile);
    await assertRefusesToStart(
      folder,
      /messages\.sqlite-wal does not belong to .*messages\.sqlite/,
    );
    rmSync(walFile);
    rmSync(`${databasePath(folder)}-shm`, { force: true });
    assert.deepEqual((await recover(folder, t)).recovered, stopped.contents);
  });

  test("a write-ahead log that is garbage", async (t) => {
    const { folder, walFile } = copyOf(stopped, t);
    writeFileSync(walFile, randomBytes(100_000));
    await assertRefusesToStart(folder, /messages\.sqlite-wal is damaged/);
  });

  test("a lock file of garbage", async (t) => {
    const { folder } = copyOf(stopped, t);
    writeFileSync(join(folder, "lock.sqlite"), randomBytes(10_000));
    await assertRefusesToStart(folder, /lock\.sqlite: file is not a database/);
  });

  for (const name of ["messages.sqlite", "messages.sqlite-wal", "lock.sqlite"]) {
    test(`${name} is a folder`, async (t) => {
      const { folder } = copyOf(stopped, t);
      rmSync(join(folder, name), { force: true });
      mkdirSync(join(folder, name));
      await assertRefusesToStart(folder, new RegExp(name));
    });
  }

  test("a log of a newer version", async (t) => {
    const { folder, file } = copyOf(stopped, t);
    const database = new DatabaseSync(file);
    database.exec("PRAGMA user_version = 99");
    database.close();
    await assertRefusesToStart(folder, /was written by a newer version \(schema 99\)/);
  });
});

function randomBytes(count: number): Buffer {
  const random = createSeededRandom(7);
  return Buffer.from(Array.from({ length: count }, () => random.below(256)));
}

test("damage that a read meets fails that read, and the rest is served", async (t) => {
  const { folder, contents } = await fill(temporaryFolder(t), "SIGTERM");
  const file = databasePath(folder);
  zeroPageOf(file, "b 20 ");
  const server = await startServerProcess(["--data", folder, "--port", "0", "--log-level", "info"]);
  t.after(() => server.stop("SIGKILL"));
  const client = clientOf(server.url);
  const isDataLoss = (error: unknown) => {
    assert.ok(error instanceof ConnectError);
    assert.equal(error.code, Code.DataLoss, error.message);
    assert.match(error.rawMessage, /cannot read the message log: database disk image is malformed/);
    return true;
  };
  await assert.rejects(readHistory(client, "b"), isDataLoss);
  await assert.rejects(async () => {
    const seen: string[] = [];
    for await (const { id, content } of client.subscribeMessages({
      room: "b",
      user: "reader",
      after: {},
    })) {
      if (id !== "system") {
        seen.push(content);
        assert.equal(content, contents.get("b")?.[seen.length - 1], "nothing but what was stored");
      }
    }
  }, isDataLoss);
  assert.deepEqual(contentsOf(await readHistory(client, "a")), contents.get("a"));
  const { messages } = await client.listMessages({ room: "b", pageSize: 10 });
  assert.deepEqual(contentsOf(messages), contents.get("b")?.slice(-10));
  await client.sendMessage({ room: "a", user: "ann", content: "next" });
  await client.sendMessage({ room: "b", user: "ann", content: "next" });
  await server.stop();
  assert.match(server.output(), /"level":50.*"code":"DataLoss".*malformed/);
});

/** Overwrites the page of the database that holds a text. */
function zeroPageOf(file: string, text: string): void {
  const at = readFileSync(file).indexOf(text);
  assert.ok(at > 0);
  overwrite(file, at - (at % pageBytes), Buffer.alloc(pageBytes));
}
