import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const mainPath = fileURLToPath(new URL("../main.ts", import.meta.url));

/** A `parley` process. */
export interface ParleyProcess {
  readonly child: ChildProcess;
  /** Resolves when it ends. */
  readonly result: Promise<ParleyResult>;
  /** Resolves once the stream has said this; rejects when the process ends without. */
  says(stream: "stdout" | "stderr", text: string): Promise<void>;
}

/** What a `parley` process printed, and its exit code, null when a signal ended it. */
export interface ParleyResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
}

/** Starts `parley`. Its standard input is a pipe that stays open, for the test to end. */
export function startParley(args: readonly string[], env: NodeJS.ProcessEnv = {}): ParleyProcess {
  const child = spawn(process.execPath, [mainPath, ...args], {
    env: { ...process.env, PARLEY_USER: "tester", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (chunk) => {
    said.stdout += chunk;
  });
  child.stderr.setEncoding("utf8").on("data", (chunk) => {
    said.stderr += chunk;
  });
  // It may end without reading all of its input.
  child.stdin.on("error", () => {});
  const result = once(child, "close").then(([exitCode]) => ({ ...said, exitCode }));
  return {
    child,
    result,
    async says(stream, text) {
      while (!said[stream].includes(text)) {
        const more = once(child[stream], "data").then(() => true);
        if (!(await Promise.race([more, result.then(() => false)]))) {
          throw new Error(`parley ended without saying ${JSON.stringify(text)}: ${said.stderr}`);
        }
      }
    },
  };
}

/** Runs `parley` with this standard input until it ends. */
export function runParley(
  args: readonly string[],
  input = "",
  env: NodeJS.ProcessEnv = {},
): Promise<ParleyResult> {
  const { child, result } = startParley(args, env);
  child.stdin?.end(input);
  return result;
}
