import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryFolder } from "@parley/testing/temporary-folder";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../../..", import.meta.url));

/** Each package with a buf.gen.yaml: where that lies, and the folder it writes to from there. */
const generations = [
  { name: "@parley/proto", templateFolder: repository, output: "packages/proto/src/gen" },
  {
    name: "@parley/host",
    templateFolder: join(repository, "packages/host"),
    output: "src/gen",
  },
];

for (const { name, templateFolder, output } of generations) {
  test(`the code in ${name} is what its contracts generate`, async (t) => {
    const folder = temporaryFolder(t);
    await run("buf", ["generate", "--output", folder], { cwd: templateFolder });
    const generated = filesOf(join(folder, output));
    assert.ok(generated.size > 0, "nothing was generated");
    const hint = "run `pnpm run generate`";
    const committed = filesOf(join(templateFolder, output));
    assert.deepEqual([...committed.keys()], [...generated.keys()], hint);
    for (const [path, text] of generated) {
      assert.equal(committed.get(path), text, `${path} is out of date: ${hint}`);
    }
  });
}

const checks: [name: string, ...args: string[]][] = [
  ["keeps to the lint rules", "lint"],
  ["is formatted", "format", "--diff", "--exit-code"],
];

for (const [name, ...args] of checks) {
  test(`the contract ${name}`, async () => {
    const { stdout } = await run("buf", args, { cwd: repository });
    assert.equal(stdout, "");
  });
}

/** The files below a folder by path, in order, with their contents. */
function filesOf(folder: string): Map<string, string> {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
  return new Map(paths.sort().map((path) => [path, readFileSync(join(folder, path), "utf8")]));
}
