import assert from "node:assert/strict";
import { test } from "node:test";
import { sendOnSchedule } from "./open-loop.ts";

test("a stall does not put off what is due", async () => {
  const due: number[] = [];
  const late: number[] = [];
  const { sent, startMs } = await sendOnSchedule({
    perSecond: 500,
    durationMs: 200,
    send(dueMs) {
      due.push(dueMs);
      late.push(performance.now() - dueMs);
      if (due.length === 10) {
        const endMs = performance.now() + 50;
        while (performance.now() < endMs) {}
      }
    },
  });
  assert.equal(sent, 100);
  assert.deepEqual(
    due.map((dueMs) => Math.round((dueMs - startMs) / 2)),
    [...Array(100).keys()],
  );
  assert.ok(late.every((lateMs) => lateMs >= 0));
  assert.ok((late[10] as number) >= 40, `${late[10]}`);
});
