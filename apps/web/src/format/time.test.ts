import assert from "node:assert/strict";
import { test } from "node:test";
import { formatClock, formatDay, formatDuration, isSameDay } from "./time.ts";

const now = new Date(2026, 10, 20, 14, 3, 22);

test("a clock has two digits each", () => {
  assert.equal(formatClock(now), "14:03");
  assert.equal(formatClock(new Date(2026, 10, 20, 0, 5)), "00:05");
});

test("days are told from today", () => {
  assert.equal(formatDay(new Date(2026, 10, 20, 0, 0), now), "Today");
  assert.equal(formatDay(new Date(2026, 10, 19, 23, 59), now), "Yesterday");
  assert.equal(formatDay(new Date(2026, 10, 18, 12), now), "Wednesday, November 18");
  assert.equal(formatDay(new Date(2025, 10, 20, 12), now), "November 20, 2025");
});

test("a day ends at midnight, where the browser is", () => {
  assert.ok(isSameDay(new Date(2026, 10, 20, 0, 0), now));
  assert.ok(!isSameDay(new Date(2026, 10, 19, 23, 59), now));
});

test("durations are told in two units at most", () => {
  assert.equal(formatDuration(449), "0.4 s");
  assert.equal(formatDuration(42_400), "42 s");
  assert.equal(formatDuration(185_000), "3 min");
  assert.equal(formatDuration(3_900_000), "1 h 5 min");
});
