import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPosition, parsePosition, shellWord } from "./position.ts";

test("a position is read as it is written", () => {
  for (const text of ["start", "e1/0", "V_QTS/18446744073709551615", "a/b/7"]) {
    assert.equal(formatPosition(parsePosition(text)), text);
  }
  assert.deepEqual(parsePosition("a/b/7"), { epoch: "a/b", sequence: 7n });
  assert.deepEqual(parsePosition("start"), { epoch: "", sequence: 0n });
});

test("what is no position is refused", () => {
  for (const text of ["", "7", "/7", "e1/", "e1/-1", "e1/1.5", "e1/x", "e1/18446744073709551616"]) {
    assert.throws(() => parsePosition(text), /A position is/, text);
  }
});

test("a hint can be pasted into a shell", () => {
  assert.equal(shellWord("e1/12"), "e1/12");
  assert.equal(shellWord("it's; rm *"), `'it'\\''s; rm *'`);
});
