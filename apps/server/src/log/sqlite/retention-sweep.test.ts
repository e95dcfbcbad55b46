import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { MessageLogError } from "../message-log.ts";
import { databasePath, openForWriting } from "./database.ts";
import { MessageStore } from "./message-store.ts";
import { groupByRoom, packRecords } from "./packed-records.ts";
import { type RetentionLimits, RetentionSweep } from "./retention-sweep.ts";

const payloadBytes = 100;

/** A store, and a sweep of it whose slices the test runs, at times that it says. */
function createSweep(t: TestContext, limits: Partial<RetentionLimits>) {
  const folder = temporaryFolder(t);
  const { database } = openForWriting(folder, { newEpoch: false, sync: "disk" });
  const store = new MessageStore(database, { folder, idempotencyWindowMs: 1_000 });
  t.after(() => store.close());
  const sweep = new RetentionSweep(store, {
    retentionMs: 0,
    retentionBytes: 0,
    idempotencyWindowMs: 1_000,
    ...limits,
  });
  const append = (room: string, count: number, receivedAtMs = 0, isKeyed = false) => {
    const records = Array.from({ length: count }, (_, index) => ({
      room,
      user: "Ann",
      idempotencyKey: isKeyed ? `${receivedAtMs} ${index}` : "",
      receivedAtMs,
      payload: new Uint8Array(payloadBytes),
    }));
    store.append(packRecords(groupByRoom([records])));
    return { rooms: [room], messages: count, bytes: count * payloadBytes };
  };
  const count = (table: "message" | "idempotency") =>
    Number(database.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.count);
  const counts = () =>
    Object.fromEntries(
      store.roomsAfter(0, 1_000).map(({ name, messageCount }) => [name, messageCount]),
    );
  /** Runs slices until there is none left, and tells how many there were. */
  const finish = (nowMs = 0) => {
    let slices = 0;
    for (; sweep.isDue; slices++) {
      sweep.runSlice(nowMs);
    }
    return slices;
  };
  return { folder, store, sweep, append, count, counts, finish };
}

test("rooms that nobody appends to are trimmed, a slice at a time", (t) => {
  const { sweep, append, counts, finish } = createSweep(t, { retentionBytes: 100 * payloadBytes });
  append("a", 10_000);
  append("b", 5_000);
  append("small", 100);
  assert.equal(sweep.isDue, false);
  sweep.begin();
  let before = 15_100;
  let slices = 0;
  for (; sweep.isDue; slices++) {
    sweep.runSlice(0);
    const after = Object.values(counts()).reduce((sum, one) => sum + one, 0);
    assert.ok(before - after <= 1_000, `${before - after} removed at once`);
    before = after;
  }
  assert.deepEqual(counts(), { a: 93, b: 93, small: 100 });
  assert.ok(slices >= 15);
  sweep.begin();
  finish();
  assert.deepEqual(counts(), { a: 93, b: 93, small: 100 });
});

test("appends go on between slices, and slices keep up with them", (t) => {
  const { sweep, append, counts, finish } = createSweep(t, { retentionBytes: 100 * payloadBytes });
  append("a", 3_000);
  for (let round = 0; round < 20; round++) {
    const { rooms, messages, bytes } = append("a", 3_000);
    sweep.onAppended(rooms, messages, bytes);
    sweep.runSlice(0);
    assert.ok((counts().a ?? 0) <= 6_000, `holds ${counts().a}`);
  }
  finish();
  assert.equal(counts().a, 93);
  sweep.onAppended(["a"], 0, 0);
  assert.equal(sweep.isDue, false, "there is nothing to do before it is too large again");
});

test("slices keep up with rooms and keys at once", (t) => {
  const { sweep, append, count, counts, finish } = createSweep(t, {
    retentionBytes: 100 * payloadBytes,
  });
  let nowMs = 0;
  for (let round = 0; round < 30; round++) {
    nowMs += 10_000;
    const { rooms, messages, bytes } = append("a", 3_000, nowMs, true);
    sweep.onAppended(rooms, messages, bytes);
    sweep.begin();
    sweep.runSlice(nowMs);
    assert.ok((counts().a ?? 0) <= 9_000, `holds ${counts().a} messages`);
    assert.ok(count("idempotency") <= 30_000, `holds ${count("idempotency")} keys`);
  }
  nowMs += 10_000;
  sweep.begin();
  finish(nowMs);
  assert.deepEqual([counts().a, count("idempotency")], [93, 0]);
});

test("what is appended while nothing is due does not make a slice larger", (t) => {
  const { sweep, append, counts } = createSweep(t, { retentionBytes: 3_000 * payloadBytes });
  for (let round = 0; round < 3; round++) {
    const { rooms, messages, bytes } = append(`room ${round}`, 3_000);
    sweep.onAppended(rooms, messages, bytes);
  }
  append("idle", 10_000);
  sweep.begin();
  for (let before = counts().idle ?? 0; sweep.isDue; before = counts().idle ?? 0) {
    sweep.runSlice(0);
    assert.ok(before - (counts().idle ?? 0) <= 4_000);
  }
  assert.ok((counts().idle ?? 0) <= 3_000);
});

test("many rooms that grow share their slices", (t) => {
  const { sweep, append, counts, finish } = createSweep(t, { retentionBytes: 2 * payloadBytes });
  const names = Array.from({ length: 1_000 }, (_, index) => `room ${index}`);
  for (const name of names) {
    const { rooms, messages, bytes } = append(name, 3);
    sweep.onAppended(rooms, messages, bytes);
  }
  assert.equal(finish(), 5);
  assert.deepEqual(new Set(Object.values(counts())), new Set([1]));
});

test("messages expire by their age, keys by their window", (t) => {
  const { sweep, append, count, counts, finish } = createSweep(t, { retentionMs: 5_000 });
  append("a", 2_500, 1_000, true);
  append("a", 1, 3_000, true);
  append("b", 1, 1_000);
  for (const [nowMs, messages, keys] of [
    [2_000, 2_502, 2_501],
    [2_001, 2_502, 1],
    [6_000, 2_502, 0],
    [6_001, 1, 0],
    [8_000, 1, 0],
    [8_001, 0, 0],
  ] as const) {
    sweep.begin();
    finish(nowMs);
    assert.deepEqual([count("message"), count("idempotency")], [messages, keys], `at ${nowMs}`);
  }
  assert.deepEqual(counts(), { a: 0, b: 0 });
});

test("the newest message of a room is kept whatever its size, unless it is too old", (t) => {
  const { sweep, append, counts, finish } = createSweep(t, { retentionMs: 1, retentionBytes: 1 });
  append("a", 2, 1_000);
  sweep.begin();
  finish(1_000);
  assert.deepEqual(counts(), { a: 1 });
  sweep.begin();
  finish(1_002);
  assert.deepEqual(counts(), { a: 0 });
});

test("a slice that fails removes nothing, and the next sweep makes up for it", (t) => {
  const { folder, sweep, append, count, finish } = createSweep(t, {
    retentionBytes: payloadBytes,
  });
  append("a", 3, 0, true);
  const other = new DatabaseSync(databasePath(folder));
  for (const table of ["message", "idempotency"]) {
    other.exec(`CREATE TRIGGER keep_${table} BEFORE DELETE ON ${table}
                BEGIN SELECT RAISE(ABORT, 'not now'); END`);
  }
  sweep.begin();
  let failures = 0;
  while (sweep.isDue) {
    try {
      sweep.runSlice(10_000);
    } catch (error) {
      assert.ok(error instanceof MessageLogError);
      failures += 1;
    }
  }
  assert.equal(failures, 2);
  assert.deepEqual([count("message"), count("idempotency")], [3, 3]);
  other.exec("DROP TRIGGER keep_message; DROP TRIGGER keep_idempotency");
  other.close();
  sweep.begin();
  finish(10_000);
  assert.deepEqual([count("message"), count("idempotency")], [1, 0]);
});
