import assert from "node:assert/strict";
import { test } from "node:test";
import { Notifier } from "./notifier.ts";

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
  const notifier = new Notifier();
  const waiting = notifier.wait();
  assert.equal(await isSettled(waiting), false);
  notifier.notify();
  await waiting;
});

test("one that came before is kept, and only once", async () => {
  const { notify, ...rest } = new Notifier();
  assert.deepEqual(rest, {}, "notify is bound");
  const notifier = new Notifier();
  notifier.notify();
  notifier.notify();
  await notifier.wait();
  assert.equal(await isSettled(notifier.wait()), false);
  notify();
});

test("time is up without one", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const notifier = new Notifier();
  const waiting = notifier.wait(1_000);
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
  const notifier = new Notifier();
  await notifier.wait(0);
  await notifier.wait(-5);
  notifier.notify();
  await notifier.wait(0);
  assert.equal(await isSettled(notifier.wait()), false);
});

test("a wait that timed out is not woken by what comes later: the next one is", async () => {
  const notifier = new Notifier();
  await notifier.wait(1);
  notifier.notify();
  assert.equal(await isSettled(notifier.wait()), true);
});
