import assert from "node:assert/strict";
import { test } from "node:test";
import { countUnread, formatUnread } from "./unread-count.ts";

const extent = (sequence: number, count = sequence, epoch = "e") => ({
  head: { epoch, sequence: BigInt(sequence) },
  messageCount: BigInt(count),
});
const read = (sequence: number, epoch = "e") => ({ epoch, sequence: BigInt(sequence) });

test("what comes after the message read last is unread", () => {
  assert.equal(countUnread(extent(10), read(7)), 3);
  assert.equal(countUnread(extent(10), read(10)), 0);
  assert.equal(countUnread(extent(10), read(12)), 0);
});

test("a room that was never opened has nothing unread", () => {
  assert.equal(countUnread(extent(10), undefined), 0);
});

test("no more is unread than the room still keeps", () => {
  assert.equal(countUnread(extent(1_000, 20), read(1)), 20);
});

test("of a log that was started anew all is unread", () => {
  assert.equal(countUnread(extent(4, 4, "new"), read(900)), 4);
});

test("large counts are not spelled out", () => {
  assert.equal(formatUnread(99), "99");
  assert.equal(formatUnread(100), "99+");
});
