import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { objectsOf, useCli } from "../testing/cli-fixture.ts";

const cli = useCli();

test("a subscription that is interrupted tells where to go on", async (t) => {
  const first = cli.start(t, ["subscribe", "resumed"]);
  await first.says("stderr", "subscribed");
  await cli.run(["send", "resumed", "one"]);
  await first.says("stdout", "tester: one\n");
  first.child.kill("SIGINT");
  const { stderr, exitCode } = await first.result;
  assert.equal(exitCode, 0);
  const position = /^resume with --after (\S+)$/m.exec(stderr)?.[1] ?? assert.fail(stderr);
  await cli.run(["send", "resumed", "two"]);
  const second = await cli.run(["subscribe", "resumed", "--after", position, "--count", "1"]);
  assert.match(second.stdout, /^\[[\d:]+\] tester: two\n$/);
});

test("a subscription with presence tells who comes", async (t) => {
  const reader = cli.start(t, ["subscribe", "present", "--presence"]);
  await reader.says("stderr", "subscribed");
  const other = cli.start(t, ["subscribe", "present", "--user", "bob"]);
  await reader.says("stdout", "→ bob joined");
  other.child.kill("SIGINT");
  reader.child.kill("SIGINT");
  assert.equal((await reader.result).exitCode, 0);
  assert.equal((await other.result).exitCode, 0);
});

test("a bad line ends an upload: before it all is stored, after it nothing", async () => {
  const lines = [
    '{"content":"good"}',
    '{"content":"also"}',
    '{"contnet":"typo"}',
    '{"content":"no"}',
  ];
  const { stdout, stderr, exitCode } = await cli.run(
    ["upload", "-", "--room", "half"],
    lines.join("\n"),
  );
  assert.equal(exitCode, 2);
  assert.match(stdout, /^2 messages uploaded in /);
  assert.match(stderr, /^parley: line 3: unknown field "contnet" .*\n$/);
  const stored = await cli.run(["history", "half", "--json"]);
  assert.deepEqual(
    objectsOf(stored.stdout).map(({ content }) => content),
    ["good", "also"],
  );
});

test("an upload with keys can be run again", async (t) => {
  const file = join(temporaryFolder(t), "messages.ndjson");
  writeFileSync(
    file,
    '{"content":"a","idempotencyKey":"1"}\n{"content":"b","idempotencyKey":"2"}\n',
  );
  const args = ["upload", file, "--room", "again", "--json"];
  await cli.run(args);
  const again = await cli.run(args);
  assert.deepEqual(objectsOf(again.stdout), [
    { messageCount: 2, success: true, duplicateCount: 2 },
  ]);
});

test("rooms lists them, as a table or as JSON", async () => {
  await cli.run(["send", "listed", "x"]);
  const table = await cli.run(["rooms"]);
  assert.match(table.stdout, /^ROOM +HEAD +MESSAGES +MEMBERS\n/);
  assert.match(table.stdout, /^listed +1 +1 +0$/m);
  const json = await cli.run(["rooms", "--json"]);
  assert.ok(objectsOf(json.stdout).some(({ name }) => name === "listed"));
});

test("a reader that has seen enough ends it quietly", async (t) => {
  const input = '{"content":"x"}\n'.repeat(5_000);
  await cli.run(["upload", "-", "--room", "long"], input);
  const history = cli.start(t, ["history", "long", "--all", "--json"]);
  await history.says("stdout", "\n");
  history.child.stdout?.destroy();
  const { stderr, exitCode } = await history.result;
  assert.deepEqual([exitCode, stderr], [0, ""]);
});

test("interrupted work is not done work", async (t) => {
  const upload = cli.start(t, ["upload", "-", "--room", "cut"]);
  upload.child.stdin?.write('{"content":"first"}\n');
  const reader = await cli.run(["subscribe", "cut", "--after", "start", "--count", "1"]);
  assert.match(reader.stdout, /first/);
  upload.child.kill("SIGINT");
  const { stderr, exitCode } = await upload.result;
  assert.deepEqual([exitCode, stderr], [130, "parley: interrupted\n"]);
});

test("a command line that is not valid is told, with exit code 2", async () => {
  const cases: [string[], RegExp][] = [
    [[], /^Usage: parley/],
    [["snd"], /unknown command 'snd'\n\(Did you mean send\?\)/],
    [["send"], /missing required argument 'room'/],
    [["send", "room"], /standard input is empty/],
    [["subscribe", "room", "--after", "12"], /A position is "start" or "<epoch>\/<sequence>"/],
    [["subscribe", "room", "--count", "0"], /whole number from 1 on/],
    [["metrics", "--interval", "9999"], /1 to 3600 seconds/],
    [["history", "room", "--before", "e/1", "--all"], /cannot be used with/],
    [["send", "room", "x", "--protocol", "soap"], /Allowed choices are connect, grpc, grpc-web/],
    [["send", "room", "x", "--server", "ftp://host"], /http:\/\/ or https:\/\/ URL/],
    [["send", "room", "x", "--ca", "/no/such/file"], /cannot read the certificates of --ca/],
    [["upload", "/no/such/file"], /cannot read the file/],
  ];
  for (const [args, message] of cases) {
    const { stdout, stderr, exitCode } = await cli.run(args);
    assert.match(stderr, message);
    assert.deepEqual([exitCode, stdout], [2, ""], args.join(" "));
  }
});

test("help and version go to standard output", async () => {
  const help = await cli.run(["--help"]);
  assert.equal(help.exitCode, 0);
  assert.match(help.stdout, /Exit codes:/);
  const version = await cli.run(["--version"]);
  assert.match(version.stdout, /^\d+\.\d+\.\d+\n$/);
});

test("a server that does not answer is left after the timeout", async (t) => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  t.after(() => silent.close());
  await once(silent, "listening");
  const address = silent.address();
  assert.ok(address !== null && typeof address === "object");
  const url = `http://127.0.0.1:${address.port}`;
  for (const seconds of ["0.2", "0.0001"]) {
    const flags = ["--server", url, "--timeout", seconds];
    const { stderr, exitCode } = await cli.run(["send", "r", "x", ...flags]);
    assert.deepEqual(
      [exitCode, stderr],
      [5, `parley: ${url} did not answer in time (see --timeout)\n`],
    );
  }
});
