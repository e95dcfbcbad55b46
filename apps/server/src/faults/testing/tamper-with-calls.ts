import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** System calls of a process that are tampered with until `stop`. */
export interface TamperedCalls {
  /** How many calls have failed so far. */
  readonly count: number;
  /** Resolves when a call has failed. */
  readonly injected: Promise<void>;
  /** Lets calls succeed again. */
  stop(): Promise<void>;
}

/**
 * Makes system calls of a running process fail with EIO, by strace: those of these names on
 * these files. Resolves once they do. Rejects if the process cannot be traced.
 */
export function injectErrors(
  pid: number,
  calls: readonly string[],
  files: readonly string[],
): Promise<TamperedCalls> {
  return tamper(pid, calls, files, "error=EIO");
}

/** Makes system calls take 20 seconds each, in the same way: until `stop`, hardly one ends. */
export function delayCalls(
  pid: number,
  calls: readonly string[],
  files: readonly string[],
): Promise<TamperedCalls> {
  return tamper(pid, calls, files, "delay_enter=20s");
}

async function tamper(
  pid: number,
  calls: readonly string[],
  files: readonly string[],
  how: string,
): Promise<TamperedCalls> {
  const names = calls.join(",");
  const child = spawn(
    "strace",
    [
      ...["-f", "-p", String(pid), "-e", "signal=none", "-e", `trace=${names}`],
      ...["-e", `inject=${names}:${how}`, ...files.flatMap((file) => ["-P", file])],
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const exited = once(child, "exit");
  const attached = Promise.withResolvers<void>();
  const injected = Promise.withResolvers<void>();
  let output = "";
  let count = 0;
  createInterface(child.stderr).on("line", (line) => {
    output += `${line}\n`;
    if (/Process \d+ attached with \d+ threads/.test(line)) {
      attached.resolve();
    }
    if (line.endsWith("(INJECTED)")) {
      count += 1;
      injected.resolve();
    }
  });
  child.once("error", attached.reject);
  exited.then(() => attached.reject(new Error(`strace ended:\n${output}`)));
  await attached.promise;
  return {
    get count() {
      return count;
    },
    injected: injected.promise,
    stop: async () => {
      child.kill("SIGINT");
      await exited;
    },
  };
}
