import assert from "node:assert/strict";
import { test } from "node:test";
import { countOf, formatTime, printable, printableName } from "./text.ts";

test("a message cannot control the terminal", () => {
  assert.equal(printable("\x1b[2Jgone\x07"), "\\u001b[2Jgone\\u0007");
  assert.equal(printable("one\r\ntwo\rthree\tfour"), "one\n  two\\u000dthree\tfour");
  assert.equal(printable("evil\u202etxt"), "evil\\u202etxt");
  assert.equal(printable("naïve 👋🏽 日本"), "naïve 👋🏽 日本");
  assert.equal(printableName("bob\n[12:00:00] alice"), "bob\\n[12:00:00] alice");
});

test("a time of another day tells the day", () => {
  const now = new Date(2026, 10, 21, 14, 3, 22);
  assert.equal(formatTime(now, now), "14:03:22");
  assert.equal(formatTime(new Date(2026, 10, 20, 4, 3, 2), now), "2026-11-20 04:03:02");
});

test("counts agree with their nouns", () => {
  assert.equal(countOf(1, "message"), "1 message");
  assert.equal(countOf(0, "message"), "0 messages");
  assert.equal(countOf(12_345, "message"), "12,345 messages");
});
