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
  if (missing.length === 0) {
    return { skip: false };
  }
  const reason = `not on the PATH: ${missing.join(", ")}`;
  if (process.env.CI) {
    throw new Error(`CI must not skip this test: ${reason}`);
  }
  return { skip: reason };
}
