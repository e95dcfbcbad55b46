import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { goModuleFolder } from "./go-tool.ts";

/** The Go module of the official conformance suite. */
export const conformanceModule = "connectrpc.com/conformance";

/** Its version: of the runner and of the contract alike. */
export const conformanceVersion = "v1.0.5";

/** The folder of this package. */
export const packageFolder: string = fileURLToPath(new URL("..", import.meta.url));

/**
 * Generates `src/gen` from the contract that the runner's module carries, unless it is
 * there in this version. Needs `go` and `buf` on the PATH; throws when one of them fails.
 */
export function ensureContract(): void {
  const generated = join(packageFolder, "src/gen");
  const stamp = join(generated, "version");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === conformanceVersion) {
    return;
  }
  process.stdout.write(`generating from ${conformanceModule}@${conformanceVersion}\n`);
  const moduleFolder = goModuleFolder(conformanceModule, conformanceVersion);
  execFileSync("buf", ["generate", join(moduleFolder, "proto"), "--template", "buf.gen.yaml"], {
    cwd: packageFolder,
    stdio: ["ignore", "inherit", "inherit"],
  });
  writeFileSync(stamp, conformanceVersion);
}
