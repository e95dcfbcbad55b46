import assert from "node:assert/strict";
import { test } from "node:test";
import { AppendPipeline } from "./append-pipeline.ts";
import {
  type AppendRecord,
  type AppendResult,
  type MessageLog,
  MessageLogError,
} from "./message-log.ts";

const record = (bytes = 10): AppendRecord => ({
  room: "room",
  user: "ada",
  idempotencyKey: "",
  receivedAtMs: 0,
  payload: new Uint8Array(bytes),
});
const turn = () => new Promise(setImmediate);

/** A pipeline on a log that appends when the test says so. */
function createPipeline() {
  const appends: { count: number; finish: () => Promise<void>; fail: (error: Error) => void }[] =
    [];
  let head = 0;
  const log = {
    append(records: readonly AppendRecord[]) {
      const { promise, resolve, reject } = Promise.withResolvers<AppendResult[]>();
      const finish = async () => {
        resolve(
          records.map(() => {
            head += 1;
            return { sequence: head, serial: head, receivedAtMs: 0, duplicate: false };
          }),
        );
        await turn();
      };
      appends.push({ count: records.length, finish, fail: reject });
      return promise;
    },
  };
  const appended: [item: number, sequence: number][] = [];
  const pipeline = new AppendPipeline<number>(
    log as Partial<MessageLog> as MessageLog,
    (item, { sequence }) => appended.push([item, sequence]),
  );
  return { pipeline, appends, appended };
}

test("a lone record is appended at once, and what comes meanwhile is gathered", async () => {
  const { pipeline, appends, appended } = createPipeline();
  await pipeline.push(record(), 1);
  assert.equal(appends.length, 1);
  for (const item of [2, 3, 4]) {
    await pipeline.push(record(), item);
  }
  assert.equal(appends.length, 1, "one append at a time");
  assert.deepEqual(appended, []);
  await appends[0]?.finish();
  assert.deepEqual(appended, [[1, 1]]);
  assert.deepEqual(
    appends.map(({ count }) => count),
    [1, 3],
  );
  await appends[1]?.finish();
  assert.deepEqual(appended, [
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 4],
  ]);
  await pipeline.push(record(), 5);
  assert.equal(appends.length, 3, "and starts again");
});

for (const [name, bytes, count] of [
  ["many records", 1, 1_024],
  ["many bytes", 512 * 1024, 2],
] as const) {
  test(`${name} make the sender wait`, async () => {
    const { pipeline, appends } = createPipeline();
    await pipeline.push(record(bytes), 0);
    for (let item = 1; item < count; item++) {
      await pipeline.push(record(bytes), item);
    }
    let taken = false;
    const pushed = pipeline.push(record(bytes), count)?.then(() => {
      taken = true;
    });
    assert.ok(pushed, "it is to wait");
    await turn();
    assert.equal(taken, false);
    assert.equal(appends.length, 1);
    await appends[0]?.finish();
    await appends[1]?.finish();
    await pushed;
    assert.equal(appends[1]?.count, count);
  });
}

test("a sender that does not wait is told of a failure by its next call", async () => {
  const { pipeline, appends } = createPipeline();
  const error = new MessageLogError("full", "no space");
  for (let item = 0; item <= 1_024; item++) {
    pipeline.push(record(), item);
    if (item === 0) {
      await turn();
    }
  }
  appends[0]?.fail(error);
  await turn();
  assert.throws(() => pipeline.push(record(), 0), error);
});

test("flush waits for everything taken", async () => {
  const { pipeline, appends, appended } = createPipeline();
  await pipeline.flush();
  await pipeline.push(record(), 1);
  await pipeline.push(record(), 2);
  let flushed = false;
  const flushing = pipeline.flush().then(() => {
    flushed = true;
  });
  await appends[0]?.finish();
  assert.equal(flushed, false);
  await appends[1]?.finish();
  await flushing;
  assert.equal(appended.length, 2);
});

test("after a failure nothing is appended, and everyone is told", async () => {
  const { pipeline, appends, appended } = createPipeline();
  await pipeline.push(record(), 1);
  await pipeline.push(record(), 2);
  const error = new MessageLogError("full", "no space");
  const flushed = assert.rejects(pipeline.flush(), error);
  appends[0]?.fail(error);
  await flushed;
  assert.throws(() => pipeline.push(record(), 3), error);
  await assert.rejects(pipeline.flush(), error);
  assert.equal(appends.length, 1);
  assert.deepEqual(appended, []);
});
