import { spawnSync } from "node:child_process";

/** The part of node:test's test options that this module decides. */
export interface ToolOptions {
  skip: string | false;
}

/**
 * Test options for a test that needs the named programs on the PATH. Where one
 * is missing the test is skipped with a line that names it; with `CI` set in the
 * environment this throws instead, so that the test file fails.
 */
export function needsTools(...names: string[]): ToolOptions {
  const missing = names.filter((name) => spawnSync("which", [name]).status !== 0);
  return missing.length === 0
    ? { skip: false }
    : skipUnlessCi(`not on the PATH: ${missing.join(", ")}`);
}

/** The same for a test that mounts a file system, which only root may. */
export function needsMount(): ToolOptions {
  return process.getuid?.() === 0
    ? needsTools("mount", "umount")
    : skipUnlessCi("only root may mount");
}

function skipUnlessCi(reason: string): ToolOptions {
  if (process.env.CI) {
    throw new Error(`CI must not skip this test: ${reason}`);
  }
  return { skip: reason };
}
