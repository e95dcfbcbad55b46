import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { packageFolder } from "./contract.ts";
import { leftOpenMark, parseLeanPathCalls } from "./server-reports.ts";

/** Options for {@link runSuite}. */
export interface SuiteOptions {
  readonly runnerFlags: readonly string[];
  /** Flags for each server, which the runner starts. */
  readonly serverFlags: readonly string[];
}

/** What came of a run. */
export interface SuiteOutcome {
  /** The runner's exit code, or the signal that ended it. */
  readonly ending: number | NodeJS.Signals | null;
  readonly passed: number;
  /** Servers that did not end by themselves among them. */
  readonly failed: number;
  /** Of all servers together. */
  readonly leanPathCallCount: number;
}

/** Many times what a run takes; a server that hangs must not hang its caller. */
const runTimeoutMs = 1_200_000;

/** Runs the suite's runner, and prints what it prints, less its counts. */
export async function runSuite(
  runner: string,
  { runnerFlags, serverFlags }: SuiteOptions,
): Promise<SuiteOutcome> {
  const child = spawn(
    runner,
    [
      ["--mode", "server", "--verbose", ...runnerFlags],
      ["--", process.execPath, "src/server-program.ts", ...serverFlags],
    ].flat(),
    { cwd: packageFolder, stdio: ["ignore", "pipe", "pipe"], timeout: runTimeoutMs },
  );
  const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
  let passed = 0;
  let failed = 0;
  let leanPathCallCount = 0;
  createInterface(child.stderr).on("line", (line) => {
    const count = parseLeanPathCalls(line);
    if (count !== undefined) {
      leanPathCallCount += count;
      return;
    }
    process.stderr.write(`${line}\n`);
    if (line.includes(leftOpenMark)) {
      failed++;
    }
  });
  for await (const line of createInterface(child.stdout)) {
    const counts = /^(\d+) passed, (\d+) failed/.exec(line);
    if (counts) {
      passed += Number(counts[1]);
      failed += Number(counts[2]);
    } else {
      process.stdout.write(`${line}\n`);
    }
  }
  const [exitCode, signal] = await closed;
  return { ending: signal ?? exitCode, passed, failed, leanPathCallCount };
}
