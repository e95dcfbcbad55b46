import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { freePort } from "@parley/testing/free-port";
import { type ServerProcess, startServerProcess } from "@parley/testing/server-process";
import { type ChatClient, createChatClient, MessageType } from "./index.ts";
import { readmeExamples, runExample } from "./testing/readme-example.ts";

const examples = await readmeExamples();
const untested = new Set(examples.keys());

let data: string;
let server: ServerProcess;
let client: ChatClient;

before(async () => {
  data = await mkdtemp(join(tmpdir(), "parley-client-"));
  const port = String(await freePort());
  server = await startServerProcess(["--port", port, "--data", data, "--no-web"]);
  client = createChatClient(createGrpcTransport({ baseUrl: server.url }));
});

after(async () => {
  await server?.stop();
  await rm(data, { recursive: true, force: true });
});

function example(heading: string): string {
  untested.delete(heading);
  return examples.get(heading) ?? assert.fail(`no example under "${heading}"`);
}

/** What the examples take for granted: a page of the server, and something that shows. */
const page = () => `
Object.assign(globalThis, {
  location: { href: "${server.url}/", origin: "${server.url}" },
  addEventListener: (type, listener) => process.once("SIGTERM", listener),
  show: (messages) => messages.map(({ user, content }) => console.log(user + ": " + content)),
  showState: (state) => console.log("state " + (state.name ?? state)),
  showGap: () => console.log("gap"),
});
`;

/** A client, for the examples that go on from another. */
const givenClient = () => `
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createChatClient } from "@parley/client";
const transport = createGrpcTransport({ baseUrl: "${server.url}" });
const client = createChatClient(transport);
`;

const say = (content: string) => client.send({ room: "lobby", user: "ben", content });

test("Node: sends, and prints what comes", async (t) => {
  // Its connection is the only thing that is not as in the README.
  const code = example("Node").replace("http://127.0.0.1:50051", server.url);
  assert.ok(code.includes(server.url));
  const arrived = Promise.withResolvers<void>();
  const leaving = new AbortController();
  t.after(() => leaving.abort());
  const watching = async () => {
    const request = { room: "lobby", user: "ben", presence: true };
    for await (const { type, user } of client.subscribe(request, { signal: leaving.signal })) {
      if (type === MessageType.JOIN && user === "ada") {
        arrived.resolve();
      }
    }
  };
  const watched = watching();
  const running = runExample(t, code);
  await arrived.promise;
  await say("I heard you");
  await running.prints("ben: I heard you\n");
  const { messages } = await client.listMessages({ room: "lobby" });
  assert.deepEqual(
    messages.map(({ user, content }) => `${user}: ${content}`),
    ["ada: hello", "ben: I heard you"],
  );
  leaving.abort();
  await watched;
});

test("Browser: shows the newest page, then what comes, until the page is left", async (t) => {
  await say("before");
  const running = runExample(t, page() + example("Browser"));
  await running.prints("ben: before\n");
  await running.prints("state live\n");
  await say("after");
  await running.prints("ben: after\n");
  running.child.kill("SIGTERM");
  assert.match(await running.output, /state closed\n$/);
});

test("Uploading a file: stores each line", async (t) => {
  const prelude = `${givenClient()}
    const file = (async function* () {
      yield Buffer.from('{"content":"one"}\\n{"content":"two"}\\n');
    })();
  `;
  const code = example("Uploading a file");
  const running = runExample(t, `${prelude}${code}\nconsole.log(messageCount); process.exit();`);
  assert.equal(await running.output, "2\n");
  const { messages } = await client.listMessages({ room: "lobby", pageSize: 2 });
  assert.deepEqual(
    messages.map(({ user, content }) => `${user}: ${content}`),
    ["ada: one", "ada: two"],
  );
});

test("Many rooms over one stream: shows the newest page, then what comes", async (t) => {
  await say("before many");
  const running = runExample(t, page() + example("Many rooms over one stream"));
  await running.prints("ben: before many\n");
  await running.prints("state live\n");
  await say("after many");
  await running.prints("ben: after many\n");
});

test("Errors: a gap is told, and can be gone on after", async (t) => {
  const prelude = `${page()}${givenClient()} let after = { epoch: "another", sequence: 3n };`;
  const running = runExample(
    t,
    `${prelude}${example("Errors")}\nconsole.log(after.sequence, after.epoch !== "another"); process.exit();`,
  );
  assert.equal(await running.output, "gap\n0n true\n");
});

test("every example of the README is run", () => {
  assert.deepEqual([...untested], []);
});
