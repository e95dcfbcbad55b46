import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { CallMemory } from "./call-memory.ts";

/** A connection that can be evicted. */
function connection(onDestroy: () => void = () => assert.fail("it was evicted")) {
  return { destroy: onDestroy };
}

/** Whether a wait is over. */
async function isOver(waiting: Promise<void> | undefined): Promise<boolean> {
  const still = Symbol("still");
  // What was granted settles within a turn.
  await new Promise(setImmediate);
  return (await Promise.race([waiting, Promise.resolve(still)])) !== still;
}

test("those of one connection have room in order, others are not held up", async () => {
  const memory = new CallMemory({ maxConnectionBytes: 100, maxTotalBytes: 1_000 });
  const slow = connection();
  const first = memory.open(slow);
  assert.equal(first.reserve(90), undefined);
  const second = memory.open(slow);
  const third = memory.open(slow);
  const secondRoom = second.reserve(20);
  const thirdRoom = third.reserve(5);
  assert.equal(await isOver(secondRoom), false);
  assert.equal(await isOver(thirdRoom), false, "it would fit, and is behind another");
  assert.equal(memory.open(connection()).reserve(100), undefined);
  first.release();
  assert.equal(await isOver(secondRoom), true);
  assert.equal(await isOver(thirdRoom), true);
  assert.equal(memory.totalBytes, 125);
});

test("one whose connection holds nothing may hold more than it may", () => {
  const memory = new CallMemory({ maxConnectionBytes: 100, maxTotalBytes: 1_000 });
  assert.equal(memory.open(connection()).reserve(900), undefined);
  assert.equal(memory.isTight, true);
});

test("what has been released holds nothing ever again", async () => {
  const memory = new CallMemory({ maxConnectionBytes: 100 });
  const peer = connection();
  const full = memory.open(peer);
  full.resize(200);
  const hold = memory.open(peer);
  const waits = [hold.reserve(10), hold.reserve(20)];
  hold.release();
  for (const waiting of waits) {
    assert.equal(await isOver(waiting), true);
  }
  full.release();
  hold.resize(50);
  assert.equal(hold.reserve(50), undefined);
  assert.equal(hold.tryAdd(50), true);
  assert.equal(memory.totalBytes, 0);
});

test("who stops waiting keeps what it held, and lets others by", async () => {
  const memory = new CallMemory({ maxConnectionBytes: 100 });
  const peer = connection();
  const hold = memory.open(peer);
  hold.reserve(60);
  const waiting = hold.reserve(50);
  const behind = memory.open(peer).reserve(40);
  assert.equal(await isOver(behind), false);
  hold.stopWaiting();
  assert.equal(await isOver(waiting), true);
  assert.equal(await isOver(behind), true);
  assert.equal(memory.totalBytes, 100);
});

test("what shrinks is never refused", () => {
  const memory = new CallMemory({ maxConnectionBytes: 100 });
  const peer = connection();
  const request = memory.open(peer);
  assert.equal(request.tryAdd(80), true);
  memory.open(peer).resize(200);
  assert.equal(request.tryAdd(10), false);
  assert.equal(request.tryAdd(-10), true);
  assert.equal(request.tryAdd(0), true);
  assert.equal(memory.totalBytes, 270);
});

/** Timers that the test moves, with the clock that holds are stamped by. */
function mockClock(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let nowMs = 0;
  t.mock.method(performance, "now", () => nowMs);
  return (milliseconds: number) => {
    for (let passed = 0; passed < milliseconds; passed += 10) {
      nowMs += 10;
      t.mock.timers.tick(10);
    }
  };
}

test("who holds longest is evicted when others find no room among all, and no sooner", async (t) => {
  const pass = mockClock(t);
  const memory = new CallMemory({ maxConnectionBytes: 80, maxTotalBytes: 100, maxHoldMs: 1_000 });
  const evicted: string[] = [];
  const open = (name: string) => {
    const hold = memory.open(
      connection(() => {
        evicted.push(name);
        hold.release();
      }),
    );
    return hold;
  };
  open("first").resize(80);
  pass(400);
  open("second").resize(20);
  pass(5_000);
  assert.deepEqual(evicted, [], "nobody waits");
  const waiting = open("third").reserve(10);
  const refused = open("fourth");
  assert.equal(refused.tryAdd(1), false);
  pass(500);
  assert.deepEqual(evicted, ["first"]);
  assert.equal(await isOver(waiting), true);
  pass(5_000);
  assert.deepEqual(evicted, ["first"], "there is room for all");
});

test("a connection that cannot be destroyed does not keep others from being evicted", (t) => {
  const pass = mockClock(t);
  const memory = new CallMemory({ maxTotalBytes: 100, maxHoldMs: 1_000 });
  memory.open({}).resize(50);
  let isEvicted = false;
  const other = memory.open(
    connection(() => {
      isEvicted = true;
      other.release();
    }),
  );
  other.resize(60);
  const waiting = memory.open(connection()).reserve(20);
  pass(2_000);
  assert.equal(isEvicted, true);
  return waiting;
});

test("those who take all there is do not stop who holds little", () => {
  const memory = new CallMemory({ maxTotalBytes: 10_000_000, maxHoldMs: 60_000 });
  memory.open({}).resize(20_000_000);
  const small = {};
  memory.open(small).resize(1_000);
  assert.equal(memory.open(small).reserve(0), undefined);
  const large = memory.open(small);
  assert.ok(large.reserve(10_000) instanceof Promise, "but for more than that it waits");
  large.release();
});
