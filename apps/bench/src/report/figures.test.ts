import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCount, formatFigure, formatPart } from "./figures.ts";

test("figures have three significant digits", () => {
  const figures = [
    0, 7, 0.0123, 1.2345, 12.345, 123.45, 9_994, 12_345, 999_499, 999_500, 12_345_678,
  ];
  assert.deepEqual(figures.map(formatFigure), [
    "0.00",
    "7.00",
    "0.012",
    "1.23",
    "12.3",
    "123",
    "9994",
    "12.3 k",
    "999 k",
    "1.00 M",
    "12.3 M",
  ]);
});

test("small counts are whole", () => {
  assert.deepEqual([0, 10, 9_994, 12_345].map(formatCount), ["0", "10", "9994", "12.3 k"]);
});

test("a part is never rounded to nothing", () => {
  assert.deepEqual([0.5, 0.0123, 0.000001].map(formatPart), ["50.0 %", "1.23 %", "<0.01 %"]);
});
