import assert from "node:assert/strict";
import { test } from "node:test";
import { ChangeSignal } from "./change-signal.ts";

/** Whether it has resolved when all that is due has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => {
    settled = true;
  });
  await new Promise(setImmediate);
  return settled;
}

test("a notification wakes who waits", async () => {
  const changes = new ChangeSignal();
  const waiting = changes.wait();
  assert.equal(await isSettled(waiting), false);
  changes.notify();
  await waiting;
});

test("one that came before is kept, and only once", async () => {
  const { notify, ...rest } = new ChangeSignal();
  assert.deepEqual(rest, {}, "notify is bound");
  const changes = new ChangeSignal();
  changes.notify();
  changes.notify();
  await changes.wait();
  assert.equal(await isSettled(changes.wait()), false);
  notify();
});

test("time is up without one", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const changes = new ChangeSignal();
  const waiting = changes.wait(1_000);
  t.mock.timers.tick(999);
  let over = false;
  waiting.then(() => {
    over = true;
  });
  await Promise.resolve();
  assert.equal(over, false);
  t.mock.timers.tick(1);
  await waiting;
});

test("no time at all is over at once, and takes the notification with it", async () => {
  const changes = new ChangeSignal();
  await changes.wait(0);
  await changes.wait(-5);
  changes.notify();
  await changes.wait(0);
  assert.equal(await isSettled(changes.wait()), false);
});

test("a wait that timed out is not woken by what comes later: the next one is", async () => {
  const changes = new ChangeSignal();
  await changes.wait(1);
  changes.notify();
  assert.equal(await isSettled(changes.wait()), true);
});
