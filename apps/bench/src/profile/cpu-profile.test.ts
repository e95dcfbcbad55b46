import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type CpuProfile, summariseCpuProfile } from "./cpu-profile.ts";

const frame = (functionName: string, url = "", lineNumber = url ? 0 : -1) => ({
  functionName,
  url,
  lineNumber,
});
const writer = "file:///x/apps/server/src/log/sqlite/writer.ts";

// root -> idle, program, commit -> run; commit stands in the tree twice, called by another.
const profile: CpuProfile = {
  nodes: [
    { id: 1, callFrame: frame("(root)"), children: [2, 3, 4, 6] },
    { id: 2, callFrame: frame("(idle)") },
    { id: 3, callFrame: frame("(program)") },
    { id: 4, callFrame: frame("commit", writer, 9), children: [5] },
    { id: 5, callFrame: frame("run") },
    { id: 6, callFrame: frame("", "node:events"), children: [7] },
    { id: 7, callFrame: frame("commit", writer, 9) },
  ],
  samples: [3, 2, 4, 5, 7, 3, 6],
  timeDeltas: [9_000_000, 1_000_000, 500_000, 2_000_000, 750_000, 1_000_000, 250_000],
};

suite("a CPU profile", () => {
  const summary = summariseCpuProfile("writer", 3, profile);

  test("is added up by part, without the profiler's own start", () => {
    assert.equal(summary.thread, "writer");
    assert.equal(summary.idleSeconds, 1);
    assert.equal(summary.busySeconds, 4.5);
    assert.equal(summary.cpuSeconds, 3);
    assert.deepEqual(summary.parts, [
      { name: "SQLite", seconds: 2 },
      { name: "server", seconds: 1.25 },
      { name: "native code (sockets, nghttp2)", seconds: 1 },
      { name: "node:events", seconds: 0.25 },
    ]);
  });

  test("is added up by function, whoever called it", () => {
    assert.deepEqual(
      summary.functions.map(({ name, location, seconds }) => [name, location, seconds]),
      [
        ["run", "", 2],
        ["commit", "/x/apps/server/src/log/sqlite/writer.ts:10", 1.25],
        ["(program)", "", 1],
        ["(anonymous)", "node:events:1", 0.25],
      ],
    );
  });

  test("CPU time that no busy sample explains was spent reading", () => {
    const reading = summariseCpuProfile("main", 5, profile);
    assert.equal(reading.idleSeconds, 0.5);
    assert.equal(reading.busySeconds, 5);
    const part = reading.parts.find(({ name }) => name === "native code that reads sockets");
    assert.equal(part?.seconds, 0.5);
    assert.equal(summariseCpuProfile("main", 50, profile).idleSeconds, 0);
  });

  test("of a thread that did nothing", () => {
    const empty = summariseCpuProfile("reader", 0, { nodes: [], samples: [], timeDeltas: [] });
    assert.equal(empty.busySeconds, 0);
    assert.deepEqual(empty.parts, []);
  });
});
