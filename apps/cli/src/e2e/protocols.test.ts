import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { freePort } from "@parley/testing/free-port";
import { protocols } from "../connection/transport.ts";
import { objectsOf, useCli } from "../testing/cli-fixture.ts";

const cli = useCli();

for (const protocol of protocols) {
  suite(`over ${protocol}`, () => {
    const flags = ["--protocol", protocol];
    const room = `room-${protocol}`;

    test("what one sends another receives", async (t) => {
      const reader = cli.start(t, [...flags, "subscribe", room, "--json", "--count", "2"]);
      await reader.says("stderr", `subscribed to ${room} as tester`);
      const sent = await cli.run([...flags, "send", room, "Hello,", "world"]);
      assert.deepEqual(
        [sent.exitCode, sent.stderr, sent.stdout.replace(/msg_\d+/, "msg_n")],
        [0, "", `msg_n  sequence 1 in ${room}\n`],
      );
      await cli.run([...flags, "send", room, "--user", "bob"], "two\nlines\n");
      const { stdout, exitCode } = await reader.result;
      assert.equal(exitCode, 0);
      assert.deepEqual(
        objectsOf(stdout).map(({ user, content, sequence }) => [user, content, sequence]),
        [
          ["tester", "Hello, world", "1"],
          ["bob", "two\nlines", "2"],
        ],
      );
    });

    test("a chat from a pipe says every line and sees it come back", async () => {
      const lines = "one\n/room other\n//two\n/nonsense\nthree\n";
      const { stdout, stderr, exitCode } = await cli.run([...flags, "chat", `${room}-chat`], lines);
      assert.equal(exitCode, 0, stderr);
      assert.match(stderr, /there is no \/nonsense/);
      assert.deepEqual(stdout.replaceAll(/\[[\d:]+\]/g, "[t]").split("\n"), [
        "[t] tester: one",
        "[t] #other tester: /two",
        "[t] #other tester: three",
        "",
      ]);
    });

    test("an upload is acknowledged, its history printed", async () => {
      const input = Array.from({ length: 1_500 }, (_, n) => `{"content":"line ${n}"}\n`).join("");
      const target = ["--room", `${room}-up`];
      const uploaded = await cli.run([...flags, "upload", "-", ...target, "--json"], input);
      assert.deepEqual(objectsOf(uploaded.stdout), [
        { messageCount: 1_500, success: true, duplicateCount: 0 },
      ]);
      const all = await cli.run([...flags, "history", `${room}-up`, "--all", "--json"]);
      assert.deepEqual(
        objectsOf(all.stdout).map(({ content }) => content),
        Array.from({ length: 1_500 }, (_, n) => `line ${n}`),
      );
      const newest = await cli.run([
        ...flags,
        "history",
        `${room}-up`,
        "--limit",
        "1200",
        "--json",
      ]);
      assert.equal(newest.stdout, all.stdout.split("\n").slice(300).join("\n"));
    });

    test("the demo works", async () => {
      const { stdout, stderr, exitCode } = await cli.run([
        ...flags,
        "demo",
        "--room",
        `${room}-demo`,
      ]);
      assert.equal(exitCode, 0, stderr);
      assert.match(stdout, /← \[.*\] System: Welcome to room .*, Alice!/);
      assert.match(stdout, /← \[.*\] Bob: Loud and clear!/);
      assert.match(stdout, /← 5 messages stored, success=true/);
      assert.match(stdout, /← \[.*\] Server: Echo: Bidirectional message #3/);
      assert.match(stdout, /All five examples worked/);
    });

    test("metrics come in rounds", async () => {
      const { stdout, exitCode } = await cli.run([...flags, "metrics", "--count", "2", "--json"]);
      assert.equal(exitCode, 0);
      const times = new Set(objectsOf(stdout).map(({ timestamp }) => timestamp));
      assert.ok(times.size >= 2, stdout);
    });

    test("a timeout is as long as it is said", async () => {
      for (const seconds of ["200000", "1e9", "20.0005"]) {
        const { stderr, exitCode } = await cli.run([...flags, "rooms", "--timeout", seconds]);
        assert.equal(exitCode, 0, `${seconds} s: ${stderr}`);
      }
    });

    test("a server that is not there is told in one line", async () => {
      const nowhere = `http://127.0.0.1:${await freePort()}`;
      for (const command of ["send r x", "subscribe r", "chat r", "metrics"]) {
        const { stdout, stderr, exitCode } = await cli.run([
          ...flags,
          ...command.split(" "),
          "--server",
          nowhere,
        ]);
        assert.deepEqual(
          [exitCode, stdout, stderr],
          [3, "", `parley: cannot reach ${nowhere}: connection refused\n`],
          command,
        );
      }
    });

    test("what the server refuses is told with its reason", async () => {
      const { stderr, exitCode } = await cli.run([...flags, "send", "x".repeat(200), "hi"]);
      assert.equal(exitCode, 1);
      assert.match(stderr, /^parley: the server refused: room: .* \(invalid argument\)\n$/);
    });

    test("a position of another log is out of range", async () => {
      for (const command of ["subscribe", "history"]) {
        const { stderr, exitCode } = await cli.run([...flags, command, room, "--after", "other/3"]);
        assert.equal(exitCode, 4, stderr);
        assert.match(stderr, /the oldest available is \S+\/\d+\n$/);
      }
    });
  });
}
