import { createHash } from "node:crypto";
import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const webFolder = fileURLToPath(new URL("..", import.meta.url));
const root = join(webFolder, "../..");

/** Where the web app is built to. */
export const distFolder: string = join(webFolder, "dist");

// Not served: the server has no route for files that begin with a dot.
const recordPath = join(distFolder, ".inputs");

const lockFolder = join(webFolder, "node_modules", ".build-lock");
const maxBuildMs = 60_000;

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

/** Builds it if it is stale: for tests, of which several may start at once. */
export async function buildIfStale(): Promise<void> {
  while (isStale()) {
    try {
      mkdirSync(lockFolder);
    } catch {
      if (
        Date.now() - (statSync(lockFolder, { throwIfNoEntry: false })?.mtimeMs ?? 0) >
        maxBuildMs
      ) {
        // Of a process that was killed.
        rmSync(lockFolder, { recursive: true, force: true });
      }
      await delay(100);
      continue;
    }
    try {
      await buildWebApp();
    } finally {
      rmSync(lockFolder, { recursive: true });
    }
  }
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
