import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import {
  conformanceModule,
  conformanceVersion,
  ensureContract,
  packageFolder,
} from "./contract.ts";
import { ensureGoTool, requirePrograms } from "./go-tool.ts";
import { parseParts } from "./hosting.ts";
import { leftOpenMark } from "./left-open-mark.ts";

// Runs the official suite against the hosting. Ends with the line "N passed, N failed",
// and with failure when a case failed or none ran. A server that does not end by itself
// after its last case counts as a failed case.

/** Many times what a run takes; a server that hangs must not hang its caller. */
const runTimeoutMs = 1_200_000;

const { values: flags } = parseArgs({
  options: {
    // Leaves a part of the hosting out.
    without: { type: "string", multiple: true, default: [] },
    // The runner's own: a pattern of the cases to run, and the HTTP traffic of failures.
    run: { type: "string", multiple: true, default: [] },
    trace: { type: "boolean", default: false },
  },
});
const without = parseParts(flags.without);

requirePrograms("conformance", "go", "buf");
ensureContract();
const runner = ensureGoTool(
  { path: `${conformanceModule}/cmd/connectconformance`, version: conformanceVersion },
  join(packageFolder, ".tools"),
);

const child = spawn(
  runner,
  [
    ["--mode", "server", "--conf", "config.yaml", "--verbose"],
    flags.run.flatMap((pattern) => ["--run", pattern]),
    flags.trace ? ["--trace"] : [],
    ["--", process.execPath, "src/server-program.ts"],
    without.flatMap((part) => ["--without", part]),
  ].flat(),
  { cwd: packageFolder, stdio: ["ignore", "pipe", "pipe"], timeout: runTimeoutMs },
);
const closed = once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>;
let passed = 0;
let failed = 0;
createInterface(child.stderr).on("line", (line) => {
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

const hasPassed = exitCode === 0 && passed > 0 && failed === 0;
if (!hasPassed) {
  process.stdout.write(`the runner ended with ${signal ?? exitCode}\n`);
}
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = hasPassed ? 0 : 1;
