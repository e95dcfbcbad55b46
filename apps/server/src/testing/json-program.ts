import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

/** A program that reads and prints JSON documents; going out of scope ends it. */
export interface JsonProgram extends AsyncDisposable {
  /** Hands it one more document. */
  write(document: object): void;
  /** Tells it that there are no more documents. */
  end(): void;
  /** The next document that it prints; rejects where it ends before that. */
  // biome-ignore lint/suspicious/noExplicitAny: the assertions that follow tell its shape
  next(): Promise<any>;
  /** Waits for it to end of its own accord, and returns its exit code and what it complained of. */
  result(): Promise<{ code: number | null; complaint: string }>;
}

/** How long a program may run: an answer that never comes fails the test. */
const timeoutMs = 60_000;

/** Starts a program that is on the PATH. */
export function startJsonProgram(command: string, args: readonly string[]): JsonProgram {
  // A group of its own: what npm puts on the PATH starts the real program as its child.
  const child = spawn(command, args, { stdio: "pipe", detached: true });
  const closed = once(child, "close");
  const complaint = text(child.stderr);
  const kill = () => {
    try {
      process.kill(-(child.pid as number));
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ESRCH");
    }
  };
  const timer = setTimeout(kill, timeoutMs);
  child.once("close", () => clearTimeout(timer));
  // It may end without having read all.
  child.stdin.on("error", () => {});
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  return {
    write: (document) => void child.stdin.write(`${JSON.stringify(document)}\n`),
    end: () => void child.stdin.end(),
    async next() {
      let document = "";
      for (;;) {
        const { done, value } = await lines.next();
        if (done) {
          await closed;
          assert.fail(`${command} ${args.join(" ")} ended: ${document}${await complaint}`);
        }
        document += `${value}\n`;
        // A document may be printed over many lines.
        try {
          return JSON.parse(document);
        } catch {}
      }
    },
    async result() {
      await closed;
      return { code: child.exitCode, complaint: await complaint };
    },
    async [Symbol.asyncDispose]() {
      kill();
      await closed;
    },
  };
}
