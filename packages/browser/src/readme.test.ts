import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const packageFolder = fileURLToPath(new URL("..", import.meta.url));

test("the example in the README runs, and ends", async () => {
  const readme = await readFile(`${packageFolder}README.md`, "utf8");
  const example = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? "";
  const args = ["--input-type=module-typescript"];
  const running = promisify(execFile)(process.execPath, args, { cwd: packageFolder });
  running.child.stdin?.end(`import "./src/testing/readme-prelude.ts";\n${example}`);
  const { stdout } = await running;
  assert.equal(stdout, "hello\nbye\n");
});
