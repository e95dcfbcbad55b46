import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

const mainPath = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** Shows that a server does not start on this data folder, and says why in one line. */
export async function assertRefusesToStart(
  folder: string,
  reason: RegExp,
  flags: readonly string[] = [],
): Promise<void> {
  const child = spawn(process.execPath, [mainPath, "--data", folder, "--port", "0", ...flags], {
    timeout: 300_000,
  });
  const exited = once(child, "exit");
  const [, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await exited;
  assert.match(stderr, reason);
  assert.match(stderr, /^parley-server: [^\n]+\n$/, "one line, with the name first");
  assert.equal(code, 1);
}
