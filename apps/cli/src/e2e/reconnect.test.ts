import assert from "node:assert/strict";
import { test } from "node:test";
import { freePort } from "@parley/testing/free-port";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { runParley, startParley } from "../testing/run-parley.ts";

test("a chat, a subscription and metrics outlive their server", async (t) => {
  const flags = ["--port", String(await freePort()), "--data", temporaryFolder(t)];
  const first = await startServerProcess(flags);
  t.after(() => first.stop("SIGKILL"));
  const env = { PARLEY_SERVER: first.url };
  const reader = startParley(["subscribe", "lasting", "--count", "2"], env);
  const chat = startParley(["chat", "lasting"], env);
  const metrics = startParley(["metrics"], env);
  t.after(() => [reader, chat, metrics].forEach(({ child }) => void child.kill("SIGKILL")));
  await metrics.says("stdout", "cpu_usage");
  await reader.says("stderr", "subscribed");
  await chat.says("stderr", "joined lasting");
  chat.child.stdin?.write("before\n");
  await reader.says("stdout", "tester: before");
  await chat.says("stdout", "tester: before");

  await first.stop("SIGKILL");
  await reader.says("stderr", "connection lost");
  await chat.says("stderr", "connection lost");
  await metrics.says("stderr", "connection lost");
  // Said while there is no server: it is sent when there is one again.
  chat.child.stdin?.end("after\n");
  const refused = await runParley(["send", "lasting", "x"], "", env);
  assert.equal(refused.exitCode, 3);

  const second = await startServerProcess(flags);
  t.after(() => second.stop());
  for (const { result } of [reader, chat]) {
    const { stdout, exitCode } = await result;
    assert.equal(exitCode, 0);
    assert.deepEqual(stdout.match(/(?<=tester: ).*/g), ["before", "after"]);
  }
  await metrics.says("stderr", "connected again");
  metrics.child.kill("SIGINT");
  assert.equal((await metrics.result).exitCode, 0);
});

test("send goes on trying for as long as --retry says", async (t) => {
  const port = await freePort();
  const env = { PARLEY_SERVER: `http://127.0.0.1:${port}` };
  const sending = runParley(["send", "late", "hello", "--retry", "60"], "", env);
  const server = await startServerProcess(["--port", String(port), "--data", temporaryFolder(t)]);
  t.after(() => server.stop());
  const { stdout, exitCode } = await sending;
  assert.equal(exitCode, 0);
  assert.match(stdout, /^msg_\d+ {2}sequence 1 in late\n$/);
});
