import assert from "node:assert/strict";
import { test } from "node:test";
import { DelayHistogram, delayQuantile } from "./delay-histogram.ts";

test("quantiles are those of what was recorded in between", () => {
  const histogram = new DelayHistogram();
  histogram.record(500);
  const before = histogram.counts();
  assert.equal(delayQuantile(before, histogram.counts(), 0.5), 0, "nothing was recorded");
  for (let delayMs = 1; delayMs <= 100; delayMs++) {
    histogram.record(delayMs);
  }
  for (const [quantile, expected] of [
    [0.5, 50],
    [0.99, 99],
    [1, 100],
  ] as const) {
    const found = delayQuantile(before, histogram.counts(), quantile);
    assert.ok(found >= expected && found <= expected * 1.06, `${quantile}: ${found}`);
  }
});

test("what is out of bounds is counted at the bound", () => {
  const histogram = new DelayHistogram();
  const before = histogram.counts();
  histogram.record(-1);
  histogram.record(0);
  assert.equal(delayQuantile(before, histogram.counts(), 0.99), 0);
  histogram.record(1e12);
  assert.ok(delayQuantile(before, histogram.counts(), 1) > 120_000);
});
