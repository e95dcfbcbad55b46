import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { listeningUrl } from "@parley/testing/server-process";

const mainPath = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** A Parley server that runs under strace. */
export interface StraceServer {
  /** Where it listens. */
  readonly url: string;
  /** Of the server itself. */
  readonly pid: number;
  /** What it printed so far, standard error included. */
  output(): string;
  /** Resolves with the exit code, or null if a signal ended it, once strace has written all. */
  readonly exited: Promise<number | null>;
  /** Sends the signal to the server itself and waits for its end. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

/**
 * Starts the server under strace with these arguments of both and resolves once it
 * listens. Rejects with what was printed when it exits before that.
 */
export async function startStraceServer(
  straceArguments: readonly string[],
  flags: readonly string[],
): Promise<StraceServer> {
  const child = spawn("strace", [...straceArguments, process.execPath, mainPath, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  // strace ends as the program does that it runs, by the same signal too.
  const exited = once(child, "close").then(() => child.exitCode);
  let output = "";
  child.stderr.on("data", (chunk) => {
    output += chunk;
  });
  const started = await new Promise<{ url: string; pid: number }>((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      output += `${line}\n`;
      const url = listeningUrl(line);
      const pid = /"pid":(\d+)/.exec(line)?.[1];
      if (url && pid) {
        resolve({ url, pid: Number(pid) });
      }
    });
    child.once("error", reject);
    exited.then((code) =>
      reject(new Error(`the server exited with ${code}, having printed:\n${output}`)),
    );
  });
  return {
    ...started,
    output: () => output,
    exited,
    stop: (signal = "SIGTERM") => {
      if (child.exitCode === null && child.signalCode === null) {
        process.kill(started.pid, signal);
      }
      return exited;
    },
  };
}
