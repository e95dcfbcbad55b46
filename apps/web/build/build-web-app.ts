import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const webFolder = fileURLToPath(new URL("..", import.meta.url));
const root = join(webFolder, "../..");

/** Where the web app is built to. */
export const distFolder: string = join(webFolder, "dist");

// Not served: the server has no route for files that begin with a dot.
const recordPath = join(distFolder, ".inputs");

const inputs = [
  "pnpm-lock.yaml",
  ".tsconfig.json",
  "apps/web/{index.html,package.json,vite.config.ts}",
  "apps/web/build/*.ts",
  "apps/web/public/**",
  "apps/web/src/**",
  "packages/{browser,client,proto}/{package.json,src/**}",
];

const isIrrelevant = (path: string) => /\.test\.ts$|\/testing\/|\/browser-tests\//.test(path);

/** Whether what lies in the dist folder was built from other files than those there are now. */
export function isStale(): boolean {
  if (!existsSync(join(distFolder, "index.html")) || !existsSync(recordPath)) {
    return true;
  }
  return readFileSync(recordPath, "utf8") !== hashInputs();
}

/** Builds the web app, and records what from. */
export async function buildWebApp(): Promise<void> {
  const hash = hashInputs();
  // A build that breaks off leaves no record.
  rmSync(recordPath, { force: true });
  const { build } = await import("vite");
  await build({ root: webFolder, logLevel: "warn" });
  writeFileSync(recordPath, hash);
}

function hashInputs(): string {
  const hash = createHash("sha256");
  const files = globSync(inputs, { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !isIrrelevant(path))
    .toSorted();
  for (const path of files) {
    const content = readFileSync(path);
    hash.update(`${path.slice(root.length)}\0${content.length}\0`).update(content);
  }
  return hash.digest("hex");
}
