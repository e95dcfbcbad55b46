import assert from "node:assert/strict";
import { test } from "node:test";
import { hueOf, initialsOf } from "./initials.ts";

test("the first letters of the first and the last word, or the first two", () => {
  assert.equal(initialsOf("Ada Lovelace"), "AL");
  assert.equal(initialsOf("ben"), "BE");
  assert.equal(initialsOf("grace.brewster-hopper"), "GH");
  assert.equal(initialsOf("é"), "É");
  assert.equal(initialsOf("🦊 fox"), "🦊F");
  assert.equal(initialsOf("  "), "?");
});

test("a name keeps its hue, and names that are alike do not share one", () => {
  assert.equal(hueOf("Ada"), hueOf("Ada"));
  const hues = new Set(Array.from({ length: 30 }, (_, index) => hueOf(`user ${index}`)));
  assert.ok(hues.size > 25, `${hues.size} hues`);
  assert.ok([...hues].every((hue) => hue >= 0 && hue < 360));
});
