import assert from "node:assert/strict";
import { test } from "node:test";
import { countOf, formatBytes, formatReading } from "./quantity.ts";

test("one is singular, and large numbers are grouped", () => {
  assert.equal(countOf(1, "message"), "1 message");
  assert.equal(countOf(0, "message"), "0 messages");
  assert.equal(countOf(100_000, "message"), "100,000 messages");
  assert.equal(countOf(2, "person", "people"), "2 people");
});

test("bytes come in the unit that fits", () => {
  assert.equal(formatBytes(512), "512 bytes");
  assert.equal(formatBytes(3_440_000), "3.4 MB");
  assert.equal(formatBytes(999_999), "1.0 MB");
  assert.equal(formatBytes(52_000_000), "52 MB");
});

test("readings have about three digits", () => {
  assert.equal(formatReading(0), "0");
  assert.equal(formatReading(0.254), "0.25");
  assert.equal(formatReading(7.126), "7.13");
  assert.equal(formatReading(71.26), "71.3");
  assert.equal(formatReading(1234.5), "1,235");
});
