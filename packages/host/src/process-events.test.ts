import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { suite, type TestContext, test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { EchoService } from "./gen/testing/v1/echo_pb.ts";

interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly err?: { readonly message: string };
}

interface EndingHost {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown[]>;
  /** The answer of a call that is in flight until the process is told "release". */
  readonly answer: Promise<{ readonly text: string }>;
  readonly log: readonly LogLine[];
  /** Resolves when a line of this message was logged. */
  logged(message: RegExp): Promise<LogLine>;
}

/** A host in a process of its own that ends with it, which serves a call. */
async function startHost(t: TestContext, env: Record<string, string> = {}): Promise<EndingHost> {
  const child = fork(new URL("testing/ending-host-main.ts", import.meta.url), {
    stdio: ["ignore", "pipe", "inherit", "ipc"],
    env: { ...process.env, ...env },
  });
  t.after(() => child.kill("SIGKILL"));
  const exited = once(child, "exit");
  const log: LogLine[] = [];
  const lines = createInterface(child.stdout as NodeJS.ReadableStream);
  lines.on("line", (line) => {
    log.push(JSON.parse(line));
    lines.emit("logged");
  });
  const [url] = await once(child, "message");
  const client = createClient(EchoService, createGrpcTransport({ baseUrl: url }));
  const called = once(child, "message");
  const answer = client.unary({ text: "in flight" });
  answer.catch(() => {});
  await called;
  return {
    child,
    exited,
    answer,
    log,
    async logged(message) {
      for (;;) {
        const line = log.find(({ msg }) => message.test(msg));
        if (line) {
          return line;
        }
        await once(lines, "logged");
      }
    },
  };
}

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  suite(signal, () => {
    test("lets calls end, then ends the process with 0", async (t) => {
      const { child, exited, answer, logged } = await startHost(t);
      child.kill(signal);
      await logged(/^draining$/);
      child.send("release");
      assert.equal((await answer).text, "in flight");
      assert.deepEqual(await exited, [0, null]);
      assert.equal((await logged(/^ended$/)).level, 30);
    });

    test("a second time ends the process at once, with 1", async (t) => {
      const { child, exited, answer, logged } = await startHost(t);
      child.kill(signal);
      await logged(/^draining$/);
      child.kill(signal);
      assert.deepEqual(await exited, [1, null]);
      await assert.rejects(answer);
    });
  });
}

for (const [message, event] of [
  ["throw", "uncaughtException"],
  ["reject", "unhandledRejection"],
] as const) {
  test(`an ${event} is logged, calls end, and the process does with 1`, async (t) => {
    const { child, exited, answer, logged } = await startHost(t);
    child.send(message);
    const line = await logged(new RegExp(`^${event}: draining$`));
    assert.equal(line.level, 60);
    assert.equal(line.err?.message, "nobody catches this");
    child.send("release");
    assert.equal((await answer).text, "in flight");
    assert.deepEqual(await exited, [1, null]);
  });

  test(`an ${event} amid a drain does not cut it short, and shows in its code`, async (t) => {
    const { child, exited, answer, logged } = await startHost(t);
    child.kill("SIGTERM");
    await logged(/^draining$/);
    child.send(message);
    await logged(new RegExp(`^${event}: draining$`));
    child.send("release");
    assert.equal((await answer).text, "in flight");
    assert.deepEqual(await exited, [1, null]);
  });
}

test("what cannot be closed ends the process with 1", async (t) => {
  const { child, exited, logged } = await startHost(t, { BROKEN_CLOSE: "yes" });
  child.kill("SIGTERM");
  child.send("release");
  assert.deepEqual(await exited, [1, null]);
  assert.equal((await logged(/^ended with an error$/)).err?.message, "cannot close");
});
