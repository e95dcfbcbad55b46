import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ratio, summarise } from "./statistics.ts";

suite("statistics", () => {
  test("the median of an odd and of an even number of samples", () => {
    assert.deepEqual(summarise([9, 10, 1]), { median: 9, min: 1, max: 10 });
    assert.deepEqual(summarise([4, 1, 2, 100]), { median: 3, min: 1, max: 100 });
    assert.deepEqual(summarise([7]), { median: 7, min: 7, max: 7 });
    assert.equal(summarise([]), undefined);
  });

  test("a ratio needs a baseline", () => {
    assert.equal(ratio(6, 3), 2);
    assert.equal(ratio(6, 0), undefined);
    assert.equal(ratio(6, undefined), undefined);
  });
});
