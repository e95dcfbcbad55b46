import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const packageFolder = fileURLToPath(new URL("../..", import.meta.url));

/** An example that runs in a process of its own, from this package's folder. */
export interface RunningExample {
  readonly child: ChildProcess;
  /** Resolves once it has printed this; rejects when it ends without. */
  prints(text: string): Promise<void>;
  /** Resolves with all it printed when it has ended by itself; rejects when it failed. */
  readonly output: Promise<string>;
}

/** The TypeScript examples of the package's README by their headings, each of one example. */
export async function readmeExamples(): Promise<Map<string, string>> {
  const readme = await readFile(`${packageFolder}README.md`, "utf8");
  const examples = new Map<string, string>();
  for (const section of readme.split(/^## /m).slice(1)) {
    const [heading = ""] = section.split("\n", 1);
    for (const [, code = ""] of section.matchAll(/```ts\n(.*?)```/gs)) {
      if (examples.has(heading)) {
        throw new Error(`"${heading}" has two examples`);
      }
      examples.set(heading, code);
    }
  }
  return examples;
}

/** Runs TypeScript as a module. It is killed when the test ends. */
export function runExample(t: TestContext, code: string): RunningExample {
  const child = spawn(process.execPath, ["--input-type=module-typescript"], {
    cwd: packageFolder,
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    printed += chunk;
  });
  child.stdin.end(code);
  const closed = once(child, "close");
  const output = closed.then(([exitCode]) => {
    if (exitCode !== 0) {
      throw new Error(`the example ended with ${exitCode}, having printed:\n${printed}`);
    }
    return printed;
  });
  output.catch(() => {});
  return {
    child,
    output,
    async prints(text) {
      while (!printed.includes(text)) {
        const more = once(child.stdout, "data").then(() => true);
        if (!(await Promise.race([more, closed.then(() => false)]))) {
          throw new Error(`the example ended without printing ${text}, but:\n${printed}`);
        }
      }
    },
  };
}
