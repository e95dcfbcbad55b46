import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { growthPerItem } from "./heap-growth.ts";
import { type HeapSnapshot, summariseHeap } from "./heap-snapshot.ts";

type Row = readonly [type: number, name: string, bytes: number];

const [object, closure, native, string, array] = [0, 1, 2, 3, 4];

/** A snapshot with these nodes. */
function snapshot(...rows: readonly Row[]): HeapSnapshot {
  return {
    snapshot: {
      meta: {
        node_fields: ["type", "name", "id", "self_size"],
        node_types: [
          ["object", "closure", "native", "string", "array"],
          "string",
          "number",
          "number",
        ],
      },
    },
    nodes: rows.flatMap(([type, , bytes], index) => [type, index, index + 100, bytes]),
    strings: rows.map(([, name]) => name),
  };
}

suite("heap snapshots", () => {
  const before = summariseHeap(snapshot([object, "Call", 100], [string, "a", 16]));
  const after = summariseHeap(
    snapshot(
      [object, "Call", 100],
      [object, "Call", 100],
      [object, "Call", 120],
      [native, "Node / Http2Stream", 400],
      [native, "Node / Http2Stream", 400],
      [closure, "onRead", 64],
      [closure, "", 32],
      [string, "a", 16],
      [string, "b", 24],
      [array, "(object elements)", 8],
      [array, "", 4],
    ),
  );

  test("are added up by constructor, native name or type", () => {
    assert.deepEqual(Object.fromEntries(after), {
      Call: { count: 3, bytes: 320 },
      "Node / Http2Stream": { count: 2, bytes: 800 },
      "onRead()": { count: 1, bytes: 64 },
      "(functions)": { count: 1, bytes: 32 },
      "(strings)": { count: 2, bytes: 40 },
      "(object elements)": { count: 1, bytes: 8 },
      "(arrays)": { count: 1, bytes: 4 },
    });
  });

  test("differ by what each item added, the largest first", () => {
    assert.deepEqual(growthPerItem(before, after, 2), [
      { kind: "Node / Http2Stream", count: 1, bytes: 400 },
      { kind: "Call", count: 1, bytes: 110 },
      { kind: "onRead()", count: 0.5, bytes: 32 },
      { kind: "(functions)", count: 0.5, bytes: 16 },
      { kind: "(strings)", count: 0.5, bytes: 12 },
      { kind: "(object elements)", count: 0.5, bytes: 4 },
      { kind: "(arrays)", count: 0.5, bytes: 2 },
    ]);
  });

  test("what is gone counts against what came, and chance is left out", () => {
    assert.deepEqual(growthPerItem(after, before, 2).at(-1), {
      kind: "Node / Http2Stream",
      count: -1,
      bytes: -400,
    });
    assert.deepEqual(growthPerItem(before, after, 1_000), []);
  });
});
