import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { alignTable, formatMarkdownTable, type Table } from "./table-layout.ts";

const table: Table = {
  columns: [
    { title: "name", align: "left" },
    { title: "n", align: "right" },
  ],
  rows: [
    ["a|b", "1"],
    ["<c>\n*d*", "1000"],
  ],
};

suite("table layout", () => {
  test("aligns text", () => {
    const oneLine = {
      ...table,
      rows: [
        ["a", "1"],
        ["longer", "1000"],
      ],
    };
    assert.deepEqual(alignTable(oneLine), ["name       n", "a          1", "longer  1000"]);
  });

  test("escapes what Markdown would read", () => {
    assert.deepEqual(formatMarkdownTable(table), [
      "| name         |    n |",
      "| ------------ | ---: |",
      "| a\\|b         |    1 |",
      "| &lt;c> \\*d\\* | 1000 |",
    ]);
  });

  test("a table without rows has its titles", () => {
    assert.deepEqual(alignTable({ ...table, rows: [] }), ["name  n"]);
    assert.equal(formatMarkdownTable({ ...table, rows: [] }).length, 2);
  });
});
