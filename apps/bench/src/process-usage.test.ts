import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { suite, test } from "node:test";
import { parseProc, parsePs, readProcessUsage, sumTree } from "./process-usage.ts";

suite("process usage", () => {
  test("is read from /proc, whatever the command is called", () => {
    const stat = "42 (a) b (c) S 7 42 42 0 -1 4194560 1 0 0 0 150 50 40 10 20 0 11 0 1 1 1";
    assert.deepEqual(parseProc(42, stat, "Name:\ta\nVmRSS:\t    2048 kB\n"), {
      pid: 42,
      parent: 7,
      cpuSeconds: 2.5,
      rssBytes: 2_097_152,
    });
  });

  test("is read from ps", () => {
    assert.deepEqual(parsePs("  42     7   2048   1:02.50"), {
      pid: 42,
      parent: 7,
      cpuSeconds: 62.5,
      rssBytes: 2_097_152,
    });
    assert.equal(parsePs("1 0 1 2-01:00:01")?.cpuSeconds, 2 * 86_400 + 3_601);
    assert.equal(parsePs(""), undefined);
  });

  test("includes all descendants", () => {
    const row = (pid: number, parent: number) => ({ pid, parent, cpuSeconds: pid, rssBytes: 1 });
    const rows = [row(4, 3), row(3, 2), row(2, 1), row(1, 0), row(9, 1)];
    assert.deepEqual(sumTree(rows, 2), { cpuSeconds: 9, rssBytes: 3 });
    assert.throws(() => sumTree(rows, 5), /process 5 is gone/);
  });

  test("of a process that runs and one that ended", async () => {
    const usage = readProcessUsage(process.pid);
    assert.ok(usage.cpuSeconds > 0 && usage.rssBytes > 1_000_000);
    const child = spawn(process.execPath, ["--version"], { stdio: "ignore" });
    await once(child, "close");
    assert.throws(() => readProcessUsage(child.pid as number), /is gone/);
  });
});
