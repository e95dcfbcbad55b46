import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Histogram } from "./histogram.ts";

suite("histogram", () => {
  test("is empty at first", () => {
    assert.equal(new Histogram().quantileMs(0.5), 0);
  });

  test("knows quantiles to within a hundredth", () => {
    const histogram = new Histogram();
    for (let value = 1; value <= 10_000; value++) {
      histogram.record(value / 10);
    }
    assert.equal(histogram.count, 10_000);
    for (const [part, wanted] of [
      [0.5, 500],
      [0.99, 990],
      [0.999, 999],
      [1, 1_000],
    ] as const) {
      const found = histogram.quantileMs(part);
      assert.ok(Math.abs(found / wanted - 1) < 0.01, `${found} is not ${wanted}`);
    }
  });

  test("a stall of one call in a hundred shows above p99 only", () => {
    const histogram = new Histogram();
    for (let index = 0; index < 990; index++) {
      histogram.record(1);
    }
    for (let index = 0; index < 10; index++) {
      histogram.record(3_000);
    }
    assert.ok(histogram.quantileMs(0.99) < 1.02);
    assert.ok(histogram.quantileMs(0.999) > 2_900);
  });
});
