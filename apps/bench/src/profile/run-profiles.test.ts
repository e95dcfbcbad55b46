import assert from "node:assert/strict";
import { test } from "node:test";
import { grpcGo } from "../contestants/grpc-go.ts";
import { nodeHttp2 } from "../contestants/node-http2.ts";
import { parley } from "../contestants/parley.ts";
import { createProgress } from "../progress.ts";
import { formatJson } from "../report/json.ts";
import { formatProfile, formatProfileMarkdown } from "./format-profile.ts";
import type { ProfileReport } from "./profile-report.ts";
import { profiledCases } from "./profiled-cases.ts";
import { runProfiles } from "./run-profiles.ts";

test("tiny profiles show the parts of both servers", { timeout: 120_000 }, async () => {
  const report = await runProfiles({
    cases: profiledCases.filter(({ work }) => ["upload", "memory"].includes(work.name)),
    contestants: [parley, grpcGo, nodeHttp2],
    timing: { warmupMs: 100, durationMs: 300 },
    progress: createProgress(),
  });

  const { works, leftOut } = JSON.parse(formatJson(report)) as ProfileReport;
  assert.deepEqual(
    leftOut.map(({ name }) => name),
    ["grpc-go"],
  );
  const [upload, memory] = works;
  for (const { contestant, error, sample } of works.flatMap(({ results }) => results)) {
    assert.equal(error, undefined, contestant);
    assert.ok(sample && sample.count > 0, contestant);
  }
  const threads = upload?.results.map((result) => result.threads ?? []) ?? [];
  assert.deepEqual(
    threads.map((list) => list.map(({ thread }) => thread)),
    [["main", "writer", "reader"], ["main"]],
  );
  const [main, writer] = threads[0] ?? [];
  assert.ok(main?.parts.some(({ name }) => name === "server"));
  assert.ok(writer?.parts.some(({ name }) => name === "SQLite"));
  assert.ok(writer && writer.cpuSeconds > 0 && writer.busySeconds > 0);
  for (const { heap } of memory?.results ?? []) {
    assert.equal(heap?.items, 1_000);
    assert.ok(heap.heapBytes > 500 && heap.heapBytes < 100_000);
    const stream = heap.kinds.find(({ kind }) => kind === "ServerHttp2Stream");
    assert.ok(stream && Math.abs(stream.count - 1) < 0.05);
  }

  const text = formatProfile(report);
  assert.match(text, /parley: .* messages\/s while observed/);
  assert.match(text, /left out: grpc-go: only what runs on Node/);
  assert.match(text, /Node \/ Http2Stream/);
  assert.match(formatProfileMarkdown(report), /^\| part +\| +main \|/m);
  assert.doesNotMatch(text, /NaN|undefined|Infinity/);
});

test("a contestant that fails is told of", async () => {
  const broken = {
    ...nodeHttp2,
    name: "broken",
    launch: () => ({ command: process.execPath, args: ["-e", "process.exit(3)"] }),
  };
  const report = await runProfiles({
    cases: profiledCases.filter(({ work }) => work.name === "upload"),
    contestants: [broken],
    timing: { warmupMs: 1, durationMs: 1 },
    progress: createProgress(),
  });
  assert.match(formatProfile(report), /broken failed: broken ended before it listened/);
});
