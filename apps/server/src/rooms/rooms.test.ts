import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { MessageSchema } from "@parley/proto/chat/v1";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import {
  type AppendRecord,
  type Follower,
  type MessageLog,
  MessageLogError,
} from "../log/message-log.ts";
import {
  openSqliteMessageLog,
  type SqliteMessageLogOptions,
} from "../log/sqlite/sqlite-message-log.ts";
import { ChangeSignal } from "../testing/change-signal.ts";
import type { Cursor } from "./cursor.ts";
import { Rooms, type RoomsOptions, type SubscribeOptions } from "./rooms.ts";

async function openLog(
  t: TestContext,
  options: Partial<SqliteMessageLogOptions> = {},
): Promise<MessageLog> {
  const log = await openSqliteMessageLog({ folder: temporaryFolder(t), ...options });
  t.after(() => log.close());
  return log;
}

function openRooms(t: TestContext, log: MessageLog, options: RoomsOptions = {}) {
  const rooms = new Rooms(log, { presenceGraceMs: 0, ...options });
  t.after(() => rooms.close());
  /** Opens a subscription and returns a reader of it. */
  const subscribe = async (
    room: string,
    start: SubscribeOptions["start"],
    more: Partial<SubscribeOptions> = {},
  ) => {
    const notifier = new ChangeSignal();
    const reader = { onChange: notifier.notify };
    const request = { room, user: "reader", start, presence: false, reader, ...more };
    const cursor = await rooms.subscribe(request);
    return { cursor, readUntil: (sequence: number) => readUntil(cursor, notifier, sequence) };
  };
  return { rooms, subscribe };
}

/** Takes messages until one of a sequence, and shows that none is left out or there twice. */
async function readUntil(cursor: Cursor, notifier: ChangeSignal, sequence: number) {
  for (let next = cursor.position + 1; next <= sequence; ) {
    const message = cursor.next();
    if (message) {
      assert.equal(message.sequence, BigInt(next));
      assert.equal(message.content, contentOf(cursor.room.name, next));
      next += 1;
    } else {
      await notifier.wait();
    }
  }
  assert.equal(cursor.position, sequence);
}

function contentOf(room: string, sequence: number): string {
  return `${room} ${sequence}`.padEnd(sequence % 400, ".");
}

/** Appends to rooms, each of whose messages tells its room and sequence. */
function createWriter(log: MessageLog) {
  const heads = new Map<string, number>();
  return async function append(room: string, count: number): Promise<number> {
    const first = (heads.get(room) ?? 0) + 1;
    heads.set(room, first + count - 1);
    const records = Array.from({ length: count }, (_, index): AppendRecord => {
      const content = contentOf(room, first + index);
      const payload = toBinary(MessageSchema, create(MessageSchema, { room, content }));
      return { room, user: "writer", idempotencyKey: "", receivedAtMs: Date.now(), payload };
    });
    const results = await log.append(records);
    assert.equal(results.at(-1)?.sequence, first + count - 1);
    return first + count - 1;
  };
}

/** Numbers in [0, 1) that are the same in every run. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

for (const [name, options] of Object.entries({
  "a tail and pages that hold it all": {},
  "a tiny tail": { tailBytes: 1_024 },
  "no tail": { tailBytes: 0 },
  "a tiny tail and a page at a time": { tailBytes: 1_024, pageCacheBytes: 1 },
  "a tiny budget for all tails": { totalTailBytes: 2_000 },
} satisfies Record<string, RoomsOptions>)) {
  test(`with ${name}, readers that fall behind see all, once and in order`, async (t) => {
    const log = await openLog(t);
    const { subscribe, rooms } = openRooms(t, log, options);
    const append = createWriter(log);
    const random = createRandom(42);
    const names = ["a", "b", "c"];
    const total = 3_000;
    await Promise.all(names.map((room) => append(room, 100)));
    const readers = await Promise.all(
      names.flatMap((room) =>
        (["oldest", 17, 99, "head"] as const).map((start) => subscribe(room, start)),
      ),
    );
    const writing = names.map(async (room) => {
      for (let head = 100; head < total; ) {
        head = await append(room, Math.min(1 + Math.floor(random() * 40), total - head));
      }
    });
    const reading = readers.map(async ({ cursor, readUntil }, index) => {
      while (cursor.position < total) {
        await readUntil(Math.min(cursor.position + 1 + Math.floor(random() * 500), total));
        // Some of them fall behind.
        for (let turns = (index % 3) * 5 * random(); turns > 0; turns--) {
          await new Promise(setImmediate);
        }
      }
    });
    await Promise.all([...writing, ...reading]);
    assert.equal(rooms.subscriptionCount, readers.length);
    for (const { cursor } of readers) {
      assert.equal(cursor.next(), undefined);
      assert.ok(cursor.caughtUp);
      cursor.close();
      cursor.close();
    }
    assert.equal(rooms.subscriptionCount, 0);
  });
}

test("subscriptions that race with appends have no gap at their start", async (t) => {
  const log = await openLog(t);
  const append = createWriter(log);
  const random = createRandom(7);
  for (let round = 0; round < 30; round++) {
    const room = `room ${round}`;
    // Each round's rooms are new: the first subscription reads the extent amid appends.
    const { subscribe } = openRooms(t, log, { tailBytes: Math.floor(random() * 3_000) });
    const before = await append(room, 1 + Math.floor(random() * 50));
    const appending = (async () => {
      for (let count = 0; count < 10; count++) {
        await append(room, 1 + Math.floor(random() * 20));
      }
    })();
    const starts = (["head", "oldest", before, 0] as const).flatMap((start) => [start, start]);
    const readers = await Promise.all(
      starts.map(async (start) => {
        for (let turns = random() * 20; turns > 0; turns--) {
          await new Promise(setImmediate);
        }
        const reader = await subscribe(room, start);
        const { startedAfter } = reader.cursor;
        assert.ok(
          start === "head"
            ? startedAfter >= before
            : startedAfter === (start === "oldest" ? 0 : start),
        );
        return reader;
      }),
    );
    await appending;
    const { head } = await log.extent(room);
    await Promise.all(readers.map(({ readUntil }) => readUntil(head)));
  }
});

test("all tails together stay within their budget, the latest rooms' kept longest", async (t) => {
  const log = await openLog(t);
  const { subscribe } = openRooms(t, log, { tailBytes: 10_000, totalTailBytes: 5_000 });
  const append = createWriter(log);
  const names = Array.from({ length: 8 }, (_, index) => `room ${index}`);
  const readers = await Promise.all(names.map((name) => subscribe(name, "head")));
  const bytes = () => readers.map(({ cursor }) => cursor.room.tail.bytes);
  for (const name of names) {
    await append(name, 20);
    const held = bytes().reduce((sum, one) => sum + one, 0);
    assert.ok(held <= 5_000, `${held} bytes`);
  }
  assert.equal(bytes()[0], 0);
  assert.ok((bytes().at(-1) ?? 0) > 0);
  await Promise.all(readers.map(({ readUntil }) => readUntil(20)));
});

test("a room that failed to load is loaded again", async (t) => {
  const log = await openLog(t);
  const append = createWriter(log);
  await append("a", 3);
  let failures = 1;
  const error = new MessageLogError("unavailable", "no");
  const failing: MessageLog = Object.create(log, {
    epoch: { value: log.epoch },
    follow: { value: log.follow.bind(log) },
    readFrames: { value: log.readFrames.bind(log) },
    extent: {
      value: (room: string) => (failures-- > 0 ? Promise.reject(error) : log.extent(room)),
    },
  });
  const { rooms, subscribe } = openRooms(t, failing);
  const all = await Promise.allSettled(
    ["oldest", "head"].map((start) => subscribe("a", start as "head")),
  );
  assert.deepEqual(
    all.map((one) => one.status === "rejected" && one.reason),
    [error, error],
  );
  assert.equal(rooms.subscriptionCount, 0);
  const { readUntil } = await subscribe("a", "oldest");
  await append("a", 2);
  await readUntil(5);
});

test("a reader that throws keeps nobody from their messages, nor an append from its answer", async (t) => {
  const log = await openLog(t);
  const append = createWriter(log);
  const warnings: string[] = [];
  const { rooms, subscribe } = openRooms(t, log, {
    onWarning: (message) => {
      warnings.push(message);
      throw new Error("nor does whoever is told");
    },
  });
  const reader = {
    onChange() {
      throw new Error("no");
    },
  };
  const broken = await subscribe("a", "head", { reader, presence: true });
  const { readUntil } = await subscribe("a", "head", { user: "other" });
  assert.equal(warnings.length, 1, "of who came");
  await append("a", 3);
  await readUntil(3);
  assert.deepEqual(new Set(warnings), new Set(["a reader of a room failed: Error: no"]));
  assert.equal(warnings.length, 2);
  broken.cursor.close();
  assert.equal(rooms.subscriptionCount, 1);
});

test("what a room missed of the log is read from there", async (t) => {
  const log = await openLog(t);
  const append = createWriter(log);
  let batchCount = 0;
  let isCut = false;
  const flaky: MessageLog = Object.create(log, {
    epoch: { value: log.epoch },
    readFrames: { value: log.readFrames.bind(log) },
    extent: { value: log.extent.bind(log) },
    follow: {
      value: (room: string, follower: Follower) =>
        log.follow(room, (batch) => {
          if (!isCut) {
            batchCount += 1;
            follower(batch);
          }
        }),
    },
  });
  const { subscribe } = openRooms(t, flaky);
  const { cursor, readUntil } = await subscribe("a", "head");
  await append("a", 3);
  isCut = true;
  await append("a", 3);
  isCut = false;
  await append("a", 3);
  assert.equal(batchCount, 2);
  assert.equal(cursor.room.tail.startsAfter, 6);
  await readUntil(9);
});

test("a start that the log does not hold is refused", async (t) => {
  const log = await openLog(t);
  const { rooms, subscribe } = openRooms(t, log);
  const outOfRange = { name: "MessageLogError", code: "out-of-range" };
  await assert.rejects(subscribe("a", 1), outOfRange);
  await createWriter(log)("a", 5);
  await assert.rejects(subscribe("a", 6), {
    ...outOfRange,
    extent: { head: 5, oldest: 0, messageCount: 5 },
  });
  assert.equal((await subscribe("a", 5)).cursor.startedAfter, 5);
  assert.equal(rooms.subscriptionCount, 1);
});

test("a reader of all that is kept does not miss what is removed before its first message", async (t) => {
  const log = await openLog(t, { retentionBytes: 10_000 });
  const append = createWriter(log);
  await append("a", 10);
  const { subscribe } = openRooms(t, log, { tailBytes: 0 });
  const { cursor, readUntil } = await subscribe("a", "oldest");
  assert.equal(cursor.startedAfter, 0);
  await append("a", 1_000);
  let extent = await log.extent("a");
  while (extent.messageCount > 100) {
    extent = await log.extent("a");
  }
  const { head, oldest } = extent;
  assert.equal(cursor.next(), undefined, "a page is being read");
  while (cursor.position === 0) {
    await new Promise(setImmediate);
  }
  assert.equal(cursor.position, oldest);
  await readUntil(head);
  assert.ok(cursor.caughtUp);
});

test("rooms tell who is in them", async (t) => {
  const log = await openLog(t);
  const { rooms, subscribe } = openRooms(t, log);
  const opened = [
    await subscribe("b", "head", { user: "bob" }),
    await subscribe("b", "head", { user: "ada", presence: true }),
    await subscribe("\u{1f600}", "head"),
    await subscribe("\uffff", "head"),
  ];
  assert.deepEqual(rooms.occupied("", 10), ["b", "\uffff", "\u{1f600}"], "by code point");
  assert.deepEqual(rooms.occupied("b", 1), ["\uffff"]);
  assert.deepEqual(rooms.members("b"), ["ada", "bob"]);
  assert.deepEqual(rooms.members("unknown"), []);
  const [bob, ada] = opened;
  const left = new Promise<void>((resolve) => {
    ada?.cursor.room.addReader({ onChange: resolve }, true);
  });
  bob?.cursor.close();
  await left;
  assert.deepEqual(rooms.members("b"), ["ada"]);
  assert.deepEqual(rooms.occupied("", 1), ["b"]);
  const event = ada?.cursor.nextPresence();
  assert.deepEqual([event?.type, event?.user], ["leave", "bob"], "not of its own coming");
  assert.equal(ada?.cursor.nextPresence(), undefined);
  assert.equal(bob?.cursor.nextPresence(), undefined, "who did not ask is not told");
});
