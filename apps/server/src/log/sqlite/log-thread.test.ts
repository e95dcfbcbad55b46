import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { LogThread } from "./log-thread.ts";

/** Starts a thread of some code, in which `port` speaks to the test. */
function startThread(t: TestContext, code: string, onMessage = (_: unknown) => {}) {
  const failures: string[] = [];
  const failed = Promise.withResolvers<void>();
  const script = `import { parentPort as port } from "node:worker_threads"; ${code}`;
  const thread = new LogThread<string, string>(
    new URL(`data:text/javascript,${encodeURIComponent(script)}`),
    undefined,
    {
      onMessage,
      onFailure: ({ code, message }) => {
        failures.push(`${code}: ${message}`);
        failed.resolve();
      },
    },
  );
  t.after(() => thread.terminate());
  return { thread, failures, failed: failed.promise };
}

const onRequest = (action: string) => `
  port.on("message", (request) => { ${action} });
  port.postMessage("opened");`;

test("a thread answers until it is told to end", async (t) => {
  const answered = Promise.withResolvers<unknown>();
  const { thread, failures } = startThread(
    t,
    onRequest(`if (request === "end") port.close(); else port.postMessage("re: " + request)`),
    answered.resolve,
  );
  assert.equal(await thread.opened, "opened");
  thread.send("hello");
  assert.equal(await answered.promise, "re: hello");
  await thread.end("end");
  assert.deepEqual(failures, []);
});

test("a thread that fails to start says why", async (t) => {
  const { thread, failures } = startThread(t, `throw new Error("no database")`);
  await assert.rejects(thread.opened, { code: "unavailable", message: "no database" });
  await thread.end("end");
  assert.deepEqual(failures, []);
});

for (const [how, action, text] of [
  ["throws", `throw new Error("oh no")`, /^unavailable: a thread .* died: oh no$/],
  ["exits", "process.exit(3)", /^unavailable: a thread .* ended: exit code 3$/],
] as const) {
  test(`a thread that ${how} has failed, once, and still ends`, async (t) => {
    const { thread, failures, failed } = startThread(t, onRequest(action));
    await thread.opened;
    thread.send("hello");
    await failed;
    await thread.end("end");
    assert.equal(failures.length, 1);
    assert.match(String(failures[0]), text);
  });
}

test("a thread whose message nobody can take has failed", async (t) => {
  const { thread, failures, failed } = startThread(t, onRequest("port.postMessage(1)"), () => {
    throw new Error("unexpected");
  });
  await thread.opened;
  thread.send("hello");
  await failed;
  assert.match(String(failures), /cannot be taken: unexpected/);
});

test("a thread that fails while it ends is not told of", async (t) => {
  const { thread, failures } = startThread(t, onRequest(`throw new Error("at the end")`));
  await thread.opened;
  await thread.end("end");
  assert.deepEqual(failures, []);
});
