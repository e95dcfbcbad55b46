import assert from "node:assert/strict";
import { test } from "node:test";
import { delay } from "./delay.ts";

const dayMs = 86_400_000;

test("a delay may be longer than a timer can wait", async (t) => {
  const longestTimerMs = 2 ** 31 - 1;
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { mock } = t.mock.method(globalThis, "setTimeout");
  let isOver = false;
  const waiting = delay(60 * dayMs, undefined).then(() => {
    isOver = true;
  });
  for (let leftMs = 60 * dayMs - 1; leftMs > 0; leftMs -= longestTimerMs) {
    t.mock.timers.tick(Math.min(leftMs, longestTimerMs));
    await Promise.resolve();
  }
  assert.equal(isOver, false);
  t.mock.timers.tick(1);
  await waiting;
  assert.ok(mock.calls.every(({ arguments: [, ms] }) => (ms ?? 0) <= longestTimerMs));
});
