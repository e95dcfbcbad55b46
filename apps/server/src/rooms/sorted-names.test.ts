import assert from "node:assert/strict";
import { test } from "node:test";
import {
  array,
  assert as assertProperty,
  boolean,
  constantFrom,
  nat,
  oneof,
  property,
  string,
  tuple,
} from "fast-check";
import { compareNames } from "./compare-names.ts";
import { SortedNames } from "./sorted-names.ts";

// Of those, UTF-16 and code points are ordered differently.
const unit = constantFrom("a", "\u{d7ff}", "\u{e000}", "\u{ffff}", "\u{10000}", "\u{10ffff}");
const name = oneof(string({ unit: "binary" }), string({ unit }));

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

test("names are ordered as their bytes are", () => {
  assertProperty(
    property(name, name, (a, b) => {
      assert.equal(Math.sign(compareNames(a, b)), compareBytes(a, b));
    }),
    { numRuns: 1_000 },
  );
});

test("names are sorted whatever is added and deleted", () => {
  assertProperty(
    property(array(tuple(boolean(), name)), name, nat(5), (changes, after, limit) => {
      const names = new SortedNames();
      const expected = new Set<string>();
      for (const [isAdded, one] of changes) {
        names[isAdded ? "add" : "delete"](one);
        expected[isAdded ? "add" : "delete"](one);
      }
      const sorted = [...expected].sort(compareBytes);
      assert.equal(names.size, sorted.length);
      assert.deepEqual(
        names.after(after, limit),
        sorted.filter((one) => compareBytes(one, after) > 0).slice(0, limit),
      );
      const [first] = sorted;
      if (first !== undefined) {
        assert.deepEqual(names.after(first, sorted.length), sorted.slice(1));
      }
    }),
  );
});
