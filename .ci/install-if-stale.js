import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

// Installs the packages of the workspace unless what the last installation was of is what
// there is now. Plain JavaScript: it runs before there is a Node that runs TypeScript.

const root = fileURLToPath(new URL("..", import.meta.url));
const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const recordPath = join(root, "node_modules/.installed");

// Of the packages' own manifests, the lock file repeats what is installed.
const hash = createHash("sha256");
for (const name of ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"]) {
  hash.update(readFileSync(join(root, name))).update("\0");
}
const wanted = `${hash.digest("hex")}\n`;

const isInstalled = existsSync(recordPath) && readFileSync(recordPath, "utf8") === wanted;
if (!isInstalled) {
  const flags = ["--frozen-lockfile", "--prefer-offline", "--reporter=append-only"];
  const { status } = spawnSync("npx", ["--yes", packageManager, "install", ...flags], {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) {
    process.exit(status ?? 1);
  }
  writeFileSync(recordPath, wanted);
}
