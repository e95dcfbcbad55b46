import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { suite, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { ChatService } from "@parley/proto/chat/v1";
import { RetryInfoSchema } from "@parley/proto/google/rpc/error_details";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { needsMount, needsTools } from "@parley/testing/tools";
import { databasePath } from "../log/sqlite/database.ts";

const mainPath = fileURLToPath(new URL("../main.ts", import.meta.url));
const message = { room: "room", user: "ada", content: "hello" };

/** How a server is run beside its flags. */
interface RunOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** A command that runs the command behind it. */
  readonly through?: readonly string[];
}

/** Runs the server, which is to end by itself. */
async function run(flags: readonly string[], { env = {}, through = [] }: RunOptions = {}) {
  const [program = "", ...args] = [...through, process.execPath, mainPath, ...flags];
  const child = spawn(program, args, { env: { ...process.env, ...env }, timeout: 240_000 });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null) {
    await once(child, "exit");
  }
  return { code: child.exitCode, stdout, stderr };
}

/** Shows that it ended with this code and one line that says why. */
async function assertEnds(
  flags: readonly string[],
  code: number,
  reason: RegExp,
  options: RunOptions = {},
) {
  const result = await run(flags, options);
  assert.match(result.stderr, reason);
  assert.match(result.stderr, /^parley-server: [^\n]+\n$/, "one line, with the name first");
  assert.equal(result.code, code);
}

test("--help tells of every flag", async () => {
  const { code, stdout, stderr } = await run(["--help"]);
  assert.equal(code, 0);
  assert.equal(stderr, "");
  for (const flag of ["host", "port", "data", "tls-key", "retention-age", "drain-timeout"]) {
    assert.match(
      stdout,
      new RegExp(`--${flag} .*PARLEY_${flag.toUpperCase().replace("-", "_")}`, "s"),
    );
  }
});

suite("flags and environment that make no sense", { concurrency: 2 }, () => {
  const cases: [flags: string[], reason: RegExp][] = [
    [["--nonsense"], /unknown option '--nonsense'/],
    [["extra"], /too many arguments/],
    [["--port"], /'--port <number>' argument missing/],
    [["--port", "65536"], /'--port .*'65536' is invalid.*0 to 65535/],
    [["--port", "-1"], /--port/],
    [["--port", "http"], /'http' is invalid/],
    [["--data", ""], /--data.*must not be empty/],
    [["--retention-age", "5"], /--retention-age.*'5'.*a duration like/],
    [["--retention-age", "-5s"], /--retention-age/],
    [["--drain-timeout", "5 parsecs"], /--drain-timeout.*a duration like/],
    [["--tail-bytes", "1MB"], /--tail-bytes.*a size like/],
    [["--log-level", "loud"], /--log-level.*Allowed choices are/],
    [["--tls-key", mainPath], /--tls-key and --tls-cert go together/],
    [["--tls-cert", mainPath], /--tls-key and --tls-cert go together/],
    [["--tls-key", "/nowhere"], /--tls-key.*cannot be read.*no such file/],
  ];
  for (const [flags, reason] of cases) {
    test(flags.join(" "), () => assertEnds(flags, 2, reason));
  }

  const variables: [variable: string, value: string, reason: RegExp][] = [
    ["PARLEY_PORT", "http", /PARLEY_PORT/],
    ["PARLEY_DRAIN_TIMEOUT", "soon", /PARLEY_DRAIN_TIMEOUT.*a duration like/],
    ["PARLEY_LOG_LEVEL", "loud", /PARLEY_LOG_LEVEL/],
    ["PARLEY_TLS_KEY", "/nowhere", /PARLEY_TLS_KEY.*cannot be read/],
  ];
  for (const [variable, value, reason] of variables) {
    test(`${variable}=${value}`, () => assertEnds([], 2, reason, { env: { [variable]: value } }));
  }
});

suite("what keeps it from starting", { concurrency: 2 }, () => {
  test("a port in use", async (t) => {
    const holder = createServer().listen(0, "127.0.0.1");
    t.after(() => holder.close());
    await once(holder, "listening");
    const { port } = holder.address() as { port: number };
    const flags = ["--data", temporaryFolder(t), "--port", String(port)];
    await assertEnds(flags, 1, new RegExp(`port ${port} of 127\\.0\\.0\\.1 is in use`));
  });

  test("a data folder in use", async (t) => {
    const folder = temporaryFolder(t);
    const server = await startServerProcess(["--data", folder, "--port", "0"]);
    t.after(() => server.stop("SIGKILL"));
    const flags = ["--data", folder, "--port", "0"];
    await assertEnds(flags, 1, /is in use by another server/);
    await sendTo(server.url, "still there");
  });

  test("a data folder that is a file", async (t) => {
    const file = join(temporaryFolder(t), "file");
    writeFileSync(file, "");
    await assertEnds(["--data", file, "--port", "0"], 1, /cannot use data folder/);
  });

  // Root may write everywhere: it runs the server without the capability to do so.
  const through =
    process.getuid?.() === 0 ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] : [];
  const options = needsTools(...through.slice(0, 1));

  test("a data folder that cannot be written", options, async (t) => {
    const folder = join(temporaryFolder(t), "data");
    mkdirSync(folder);
    chmodSync(folder, 0o500);
    const flags = ["--data", folder, "--port", "0"];
    await assertEnds(flags, 1, /cannot use data folder.*permission denied/, { through });
  });

  test("a data folder where none can be made", async (t) => {
    const file = join(temporaryFolder(t), "file");
    writeFileSync(file, "");
    const flags = ["--data", join(file, "data"), "--port", "0"];
    await assertEnds(flags, 1, /cannot use data folder/);
  });

  test("a file that is no database", async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(databasePath(folder), "not a database, but long enough. ".repeat(100));
    await assertEnds(["--data", folder, "--port", "0"], 1, /not a database/);
  });

  for (const host of ["192.0.2.1", "2001:db8::1", "host.invalid"]) {
    test(`the host ${host}`, (t) =>
      assertEnds(
        ["--data", temporaryFolder(t), "--host", host, "--port", "0"],
        1,
        new RegExp(`${host} is not an address of this machine`),
      ));
  }

  test("a key that is none", async (t) => {
    const file = join(temporaryFolder(t), "key.pem");
    writeFileSync(file, "not a key");
    const flags = ["--data", temporaryFolder(t), "--tls-key", file, "--tls-cert", file];
    await assertEnds([...flags, "--port", "0"], 1, /./);
  });
});

async function sendTo(baseUrl: string, content: string) {
  const client = createClient(ChatService, createGrpcTransport({ baseUrl }));
  await client.sendMessage({ ...message, content });
}

/** The epoch and the contents of the room. */
async function stored(baseUrl: string) {
  const client = createClient(ChatService, createGrpcTransport({ baseUrl }));
  const { messages, head } = await client.listMessages({ room: "room", pageSize: 1_000 });
  return { epoch: head?.epoch, contents: messages.map(({ content }) => content) };
}

for (const [host, url] of [
  ["127.0.0.1", /^http:\/\/127\.0\.0\.1:\d+$/],
  ["::1", /^http:\/\/\[::1\]:\d+$/],
  ["localhost", /^http:\/\/(127\.0\.0\.1|\[::1\]):\d+$/],
  ["0.0.0.0", /^http:\/\/127\.0\.0\.1:\d+$/],
] as const) {
  test(`it listens on ${host}`, async (t) => {
    const flags = ["--data", temporaryFolder(t), "--port", "0", "--host", host];
    const server = await startServerProcess(flags);
    t.after(() => server.stop("SIGKILL"));
    assert.match(server.url, url);
    await sendTo(server.url, "hello");
    const { port } = new URL(server.url);
    const named = host === "localhost" ? "localhost" : new URL(server.url).hostname;
    const baseUrl = `http://${named}:${port}`;
    const http1 = createConnectTransport({ baseUrl, httpVersion: "1.1" });
    await createClient(ChatService, http1).sendMessage(message);
    assert.equal(await server.stop(), 0);
  });
}

test("flags win over the environment", async (t) => {
  const [wanted, other] = [temporaryFolder(t), temporaryFolder(t)];
  const env = { PARLEY_DATA: other, PARLEY_PORT: "0", PARLEY_LOG_LEVEL: "info" };
  const server = await startServerProcess(["--data", wanted], env);
  t.after(() => server.stop("SIGKILL"));
  assert.ok(server.output().includes(JSON.stringify(wanted)));
});

test("--new-epoch starts one, and keeps the messages", async (t) => {
  const flags = ["--data", temporaryFolder(t), "--port", "0"];
  const epochs: unknown[] = [];
  for (const more of [[], [], ["--new-epoch"], []]) {
    const server = await startServerProcess([...flags, ...more]);
    t.after(() => server.stop("SIGKILL"));
    await sendTo(server.url, String(epochs.length));
    const { epoch, contents } = await stored(server.url);
    epochs.push(epoch);
    assert.equal(contents.length, epochs.length);
    assert.equal(await server.stop(), 0);
  }
  const [first, second, third, fourth] = epochs;
  assert.equal(first, second);
  assert.notEqual(second, third);
  assert.equal(third, fourth);
});

test("a full disk refuses messages and nothing else", needsMount(), async (t) => {
  const folder = smallDisk(t);
  const server = await startServerProcess(["--data", folder, "--port", "0"]);
  t.after(() => server.stop("SIGKILL"));
  const client = createClient(ChatService, createGrpcTransport({ baseUrl: server.url }));
  const subscription = client.subscribeMessages({ ...message, after: {} })[Symbol.asyncIterator]();
  await subscription.next();
  const acknowledged: string[] = [];
  const send = async () => {
    const content = `${acknowledged.length} `.padEnd(20_000, "x");
    await client.sendMessage({ ...message, content });
    acknowledged.push(content);
  };
  const full = (error: unknown) => {
    assert.ok(error instanceof ConnectError, String(error));
    assert.equal(error.code, Code.ResourceExhausted);
    assert.match(error.rawMessage, /disk is full/);
    assert.equal(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds, 1n);
    return true;
  };
  await assert.rejects(async () => {
    for (;;) {
      await send();
    }
  }, full);
  assert.ok(acknowledged.length > 10);
  async function* upload() {
    yield { ...message, content: "y".repeat(2_000_000) };
  }
  await assert.rejects(client.uploadMessages(upload()), full);
  assert.deepEqual((await stored(server.url)).contents, acknowledged, "reads go on");
  for (const content of acknowledged) {
    assert.equal((await subscription.next()).value?.content, content);
  }

  assert.equal(spawnSync("mount", ["-o", "remount,size=8m", folder]).status, 0);
  await send();
  assert.equal((await subscription.next()).value?.content, acknowledged.at(-1));
  assert.equal(await server.stop(), 0);
  const next = await startServerProcess(["--data", folder, "--port", "0"]);
  t.after(() => next.stop("SIGKILL"));
  assert.deepEqual((await stored(next.url)).contents, acknowledged);
  await next.stop();
});

test("a disk that is full at the start is told", needsMount(), async (t) => {
  const folder = smallDisk(t);
  const filler = spawnSync("dd", ["if=/dev/zero", `of=${join(folder, "filler")}`, "bs=4k"]);
  assert.notEqual(filler.status, 0);
  await assertEnds(["--data", folder, "--port", "0"], 1, /full|no space/i);
});

/** A folder on a disk of 2 MB. */
function smallDisk(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "parley-"));
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]);
  assert.equal(mounted.status, 0, String(mounted.stderr));
  t.after(() => {
    // Lazily, as a server that was killed may still be on its way out.
    spawnSync("umount", ["--lazy", folder]);
    rmdirSync(folder);
  });
  return folder;
}
