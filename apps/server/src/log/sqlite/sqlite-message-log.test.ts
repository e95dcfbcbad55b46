import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { needsMount } from "@parley/testing/tools";
import { contents, record, testMessageLogContract } from "../message-log.contract.ts";
import { type MessageLog, MessageLogError, type RoomExtent } from "../message-log.ts";
import { databasePath } from "./database.ts";
import { openSqliteMessageLog } from "./sqlite-message-log.ts";

const everything = { messages: 1_000_000, bytes: 1 << 30 };

testMessageLogContract("sqlite", async () => {
  const disposals: (() => void)[] = [];
  const folder = temporaryFolder({ after: (dispose: () => void) => disposals.push(dispose) });
  return {
    open: (options) => openSqliteMessageLog({ folder, ...options }),
    dispose: async () => disposals.forEach((dispose) => void dispose()),
  };
});

function isLogError(code: string, text: RegExp) {
  return (error: unknown) => {
    assert.ok(error instanceof MessageLogError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  };
}

test("sequences are dense and serials go on across rooms", async (t) => {
  const log = await openSqliteMessageLog({ folder: temporaryFolder(t) });
  const results = await log.append(["a", "b", "a"].map((room) => record(room, "1")));
  assert.deepEqual(
    results.map(({ sequence, serial }) => [sequence, serial]),
    [
      [1, 1],
      [1, 3],
      [2, 2],
    ],
  );
  await log.close();
});

test("the disk holds each commit before it is acknowledged", async (t) => {
  const folder = temporaryFolder(t);
  const log = await openSqliteMessageLog({ folder });
  const reader = new DatabaseSync(databasePath(folder), { readOnly: true });
  const count = reader.prepare("SELECT count(*) AS messages FROM message");
  await Promise.all(
    Array.from({ length: 50 }, async () => {
      const [result] = await log.append([record("a", "1")]);
      assert.ok(Number(count.get()?.messages) >= (result?.serial as number));
    }),
  );
  assert.equal(reader.prepare("PRAGMA journal_mode").get()?.journal_mode, "wal");
  reader.close();
  await log.close();
});

/** The extent of a room once it is as asked: it changes when the log gets to it. */
async function extentWhen(
  log: MessageLog,
  room: string,
  isAsAsked: (extent: RoomExtent) => boolean,
): Promise<RoomExtent> {
  for (;;) {
    const extent = await log.extent(room);
    if (isAsAsked(extent)) {
      return extent;
    }
  }
}

test("retention by bytes keeps the newest and names what is left", async (t) => {
  const folder = temporaryFolder(t);
  const log = await openSqliteMessageLog({ folder, retentionBytes: 1_000 });
  for (let index = 0; index < 30; index++) {
    await log.append([record("a", String(index).padEnd(100))]);
  }
  await log.append([record("b", "x".repeat(5_000))]);
  const extent = await extentWhen(log, "a", ({ messageCount }) => messageCount <= 10);
  assert.equal(extent.head, 30);
  assert.ok(extent.oldest >= 20 && extent.oldest < 25, JSON.stringify(extent));
  assert.equal(extent.messageCount, 30 - extent.oldest);
  await assert.rejects(
    log.read("a", extent.oldest - 1, "forwards", everything),
    isLogError("out-of-range", /holds sequences/),
  );
  assert.equal(
    (await log.read("a", extent.oldest, "forwards", everything)).messages.length,
    extent.messageCount,
  );
  assert.equal((await log.read("a", 3, "backwards", everything)).messages.length, 0);
  assert.equal(
    (await log.extent("b")).messageCount,
    1,
    "the newest message is kept whatever its size",
  );
  await log.close();
});

test("retention by age removes messages and keeps sequences going", async (t) => {
  const folder = temporaryFolder(t);
  const hourMs = 3_600_000;
  const at = (room: string, content: string, receivedAtMs: number) => ({
    ...record(room, content),
    receivedAtMs,
  });
  let log = await openSqliteMessageLog({ folder });
  const old = Date.now() - 2 * hourMs;
  await log.append([
    ...Array.from({ length: 2_500 }, () => at("a", "old", old)),
    at("a", "new", Date.now()),
    at("b", "old", old),
  ]);
  await log.close();

  log = await openSqliteMessageLog({ folder, retentionMs: hourMs });
  assert.equal((await extentWhen(log, "a", ({ oldest }) => oldest >= 2_500)).oldest, 2_500);
  assert.deepEqual(contents(await log.read("a", 2_500, "forwards", everything)), ["new"]);
  const emptied = await extentWhen(log, "b", ({ messageCount }) => messageCount === 0);
  assert.deepEqual(emptied, { head: 1, oldest: 1, messageCount: 0 });
  assert.deepEqual(
    (await log.rooms("", 10)).map(({ name }) => name),
    ["a"],
    "a room without messages is not listed",
  );
  assert.equal((await log.append([record("b", "next")]))[0]?.sequence, 2);
  await log.close();
});

test("a lower limit is brought about behind the back of appends, in idle rooms too", async (t) => {
  const folder = temporaryFolder(t);
  let log = await openSqliteMessageLog({ folder });
  for (const room of ["busy", "busy", "busy", "idle", "idle", "idle"]) {
    await log.append(Array.from({ length: 50_000 }, () => record(room, "0123456789")));
  }
  await log.close();

  log = await openSqliteMessageLog({ folder, retentionBytes: 1_000 });
  let answeredMeanwhile = 0;
  for (;;) {
    await log.append([record("busy", "0123456789")]);
    const extents = await Promise.all([log.extent("busy"), log.extent("idle")]);
    if (extents.every(({ messageCount }) => messageCount <= 100)) {
      break;
    }
    answeredMeanwhile += 1;
  }
  await log.close();
  assert.ok(answeredMeanwhile > 0, "an append was answered meanwhile");
});

test("what cannot be removed is told of, and tried again", async (t) => {
  const folder = temporaryFolder(t);
  let log = await openSqliteMessageLog({ folder });
  await log.append(Array.from({ length: 100 }, () => record("a", "0123456789")));
  const other = new DatabaseSync(databasePath(folder));
  other.exec(
    "CREATE TRIGGER keep BEFORE DELETE ON message BEGIN SELECT RAISE(ABORT, 'not now'); END",
  );
  await log.close();

  const warned = Promise.withResolvers<string>();
  log = await openSqliteMessageLog({
    folder,
    retentionBytes: 100,
    idempotencyWindowMs: 1_000,
    onWarning: warned.resolve,
  });
  assert.match(await warned.promise, /cannot remove old messages/);
  await log.append([record("a", "goes on")]);
  other.exec("DROP TRIGGER keep");
  other.close();
  await extentWhen(log, "a", ({ messageCount }) => messageCount <= 10);
  await log.close();
});

test("the epoch changes when the log is wiped or declared restored", async (t) => {
  const folder = temporaryFolder(t);
  const epochs = new Set<string>();
  const reopen = async (newEpoch = false) => {
    const log = await openSqliteMessageLog({ folder, newEpoch });
    epochs.add(log.epoch);
    await log.close();
  };
  await reopen();
  await reopen();
  assert.equal(epochs.size, 1);
  await reopen(true);
  assert.equal(epochs.size, 2);
  rmSync(databasePath(folder));
  await reopen();
  assert.equal(epochs.size, 3);
});

test("a data folder has one server at a time", async (t) => {
  const folder = temporaryFolder(t);
  const log = await openSqliteMessageLog({ folder });
  await assert.rejects(
    openSqliteMessageLog({ folder }),
    isLogError("unavailable", /is in use by another server/),
  );
  await log.close();
  await (await openSqliteMessageLog({ folder })).close();
});

test("a folder that cannot be made or a file that is no database is refused", async (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, "file");
  await writeFile(file, "not a folder");
  await assert.rejects(
    openSqliteMessageLog({ folder: join(file, "data") }),
    isLogError("unavailable", /cannot use data folder/),
  );
  await writeFile(databasePath(folder), "not a database, but long enough to look at: ".repeat(50));
  await assert.rejects(
    openSqliteMessageLog({ folder }),
    isLogError("unavailable", /file is not a database/),
  );
});

test(
  "a full or read-only disk fails with its reason and loses nothing",
  needsMount(),
  async (t) => {
    const folder = temporaryFolder(t);
    const mount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]);
    assert.equal(mount.status, 0, String(mount.stderr));
    try {
      let log = await openSqliteMessageLog({ folder });
      t.after(() => log.close());
      const acknowledged: string[] = [];
      const fill = async () => {
        for (;;) {
          const content = `${acknowledged.length} `.padEnd(20_000, "x");
          await log.append([record("a", content)]);
          acknowledged.push(content);
        }
      };
      await assert.rejects(fill(), isLogError("full", /database or disk is full/));
      assert.ok(acknowledged.length > 10);
      assert.deepEqual(contents(await log.read("a", 0, "forwards", everything)), acknowledged);
      assert.equal(spawnSync("mount", ["-o", "remount,size=4m", folder]).status, 0);
      const [result] = await log.append([record("a", "space again")]);
      assert.equal(result?.sequence, acknowledged.length + 1, "the failed append left no trace");
      await log.close();
      assert.equal(spawnSync("mount", ["-o", "remount,ro", folder]).status, 0);
      await assert.rejects(
        openSqliteMessageLog({ folder }),
        isLogError("unavailable", /cannot use data folder .*read-only file system/),
      );
      assert.equal(spawnSync("mount", ["-o", "remount,rw", folder]).status, 0);
      log = await openSqliteMessageLog({ folder });
      assert.deepEqual(contents(await log.read("a", 0, "forwards", everything)), [
        ...acknowledged,
        "space again",
      ]);
      await log.close();
    } finally {
      spawnSync("umount", [folder]);
    }
  },
);
