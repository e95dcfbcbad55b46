import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** A program that is installed from a Go module. */
export interface GoTool {
  /** The path of its package, such as "example.com/module/cmd/tool". */
  readonly path: string;
  /** Of the module, such as "v1.2.3". */
  readonly version: string;
}

/** How long downloading and compiling a tool may take. */
const installTimeoutMs = 540_000;

/**
 * Returns the path of the tool's program, in a folder of its own under `folder`: programs
 * of the same name do not meet, and another version is another folder. Installs it when it
 * is not there; throws when that fails.
 */
export function ensureGoTool(tool: GoTool, folder: string): string {
  const name = tool.path.split("/").at(-1) as string;
  const binFolder = join(folder, `${name}@${tool.version}`);
  const program = join(binFolder, name);
  if (!existsSync(program)) {
    process.stdout.write(`installing ${tool.path}@${tool.version}\n`);
    execFileSync("go", ["install", `${tool.path}@${tool.version}`], {
      env: { ...process.env, GOBIN: binFolder },
      stdio: ["ignore", "inherit", "inherit"],
      timeout: installTimeoutMs,
    });
  }
  return program;
}

/** The folder of a Go module's files, downloaded when needed; throws when that fails. */
export function goModuleFolder(module: string, version: string): string {
  const output = execFileSync("go", ["mod", "download", "-json", `${module}@${version}`], {
    encoding: "utf8",
    timeout: installTimeoutMs,
  });
  return (JSON.parse(output) as { readonly Dir: string }).Dir;
}

/**
 * Ends the process when one of the programs is not on the PATH, with a line that says
 * what is left out: with success on a machine of one's own, with failure where `CI` is set.
 */
export function requirePrograms(purpose: string, ...names: string[]): void {
  const missing = names.filter((name) => spawnSync("which", [name]).status !== 0);
  if (missing.length > 0) {
    process.stdout.write(`${purpose}: skipped, not on the PATH: ${missing.join(", ")}\n`);
    process.exit(process.env.CI ? 1 : 0);
  }
}
