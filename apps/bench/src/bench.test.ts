import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeHttp2 } from "./contestants/node-http2.ts";
import { parley } from "./contestants/parley.ts";
import { createProgress } from "./progress.ts";
import { formatJson } from "./report/json.ts";
import { formatMarkdown } from "./report/markdown.ts";
import { formatSvg } from "./report/svg.ts";
import { formatReport } from "./report/table.ts";
import type { RunReport } from "./run-report.ts";
import { run } from "./runner.ts";
import { fanOut } from "./work/fan-out.ts";
import { unary } from "./work/unary.ts";
import type { Work } from "./work/work.ts";

test("a tiny run of both ends loses nothing and reports everything", {
  timeout: 300_000,
}, async () => {
  const report = await run({
    works: [
      onlyCase(fanOut, "10 on 10 connections, 10 messages a write, 5 in flight"),
      onlyCase(unary, "Connect, 1 connection x 1"),
    ],
    contestants: [parley, nodeHttp2],
    rounds: 1,
    timing: { warmupMs: 50, durationMs: 200 },
    isQuick: false,
    baseline: "node-http2",
    progress: createProgress(),
  });

  const written = JSON.parse(formatJson(report)) as RunReport;
  assert.equal(written.baseline, "node-http2");
  assert.deepEqual(written.leftOut, []);
  // Where h2load is installed, it is told of.
  assert.deepEqual(
    written.notes.filter((note) => !note.includes("h2load")),
    [],
  );
  assert.deepEqual(
    written.contestants.map(({ name }) => name),
    ["parley", "node-http2"],
  );
  assert.ok(written.environment.cores > 0);
  assert.ok(Date.parse(written.finishedAt) > Date.parse(written.startedAt));
  assert.deepEqual(
    written.works.map(({ name }) => name),
    ["fan-out", "unary"],
  );
  for (const { name, metrics, cases } of written.works) {
    assert.equal(cases.length, 1);
    for (const result of cases[0]?.results ?? []) {
      const label = `${name}, ${result.contestant}`;
      assert.equal(result.error, undefined, label);
      assert.equal(result.samples.length, 1, label);
      assert.equal(result.lost, 0, label);
      assert.ok((result.ratio ?? 0) > 0, label);
      const [sample] = result.samples;
      assert.ok(sample && sample.count > 0 && sample.elapsedSeconds > 0, label);
      assert.equal(sample.repeated, 0, label);
      assert.ok(sample.rssBytes > 10_000_000, label);
      assert.ok(sample.cpuSecondsPerMillion >= 0 && sample.generatorCores > 0, label);
      for (const { key } of [...metrics, { key: "cpuSecondsPerMillion" }, { key: "rssBytes" }]) {
        assert.ok((result.summaries[key]?.median ?? -1) >= 0, `${label}: ${key}`);
      }
    }
  }
  assert.match(formatReport(report), /parley/);
  assert.match(formatMarkdown(report), /^\| case /m);
  assert.match(formatSvg(report), /<\/svg>/);
});

function onlyCase(work: Work, name: string): Work {
  const cases = work.cases.filter((workCase) => workCase.name === name);
  assert.equal(cases.length, 1, name);
  return { ...work, cases };
}
