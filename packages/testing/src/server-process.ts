import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const mainPath = fileURLToPath(new URL("../../../apps/server/src/main.ts", import.meta.url));

/** A Parley server in a process of its own. */
export interface ServerProcess {
  /** Where it listens, for example "http://127.0.0.1:21234". */
  readonly url: string;
  readonly pid: number;
  /** What it printed so far, standard error included. */
  output(): string;
  /** Sends the signal and resolves with the exit code, or null if a signal ended it. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/**
 * Starts the server with these flags and resolves once it listens. Rejects with
 * what it printed when it exits before that.
 */
export async function startServerProcess(
  flags: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<ServerProcess> {
  const child = spawn(process.execPath, [mainPath, ...flags], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  let output = "";
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      output += `${line}\n`;
      const found = listeningUrl(line);
      if (found) {
        resolve(found);
      }
    });
    child.once("error", reject);
    child.once("close", (code) =>
      reject(new Error(`the server exited with ${code}, having printed:\n${output}`)),
    );
  });
  return {
    url,
    pid: child.pid as number,
    output: () => output,
    stop: (signal = "SIGTERM") => stop(child, exited, signal),
  };
}

/** Where a server listens, by the line of its log that tells. */
export function listeningUrl(line: string): string | undefined {
  return /"msg":"Server listening at ([^"]+)"/.exec(line)?.[1];
}

async function stop(child: ChildProcess, exited: Promise<unknown[]>, signal: NodeJS.Signals) {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill(signal);
  }
  await exited;
  return child.exitCode;
}
