import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { suite, type TestContext, test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ChatService, type Message, MessageType } from "@parley/proto/chat/v1";
import { freePort } from "@parley/testing/free-port";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { needsTools } from "@parley/testing/tools";
import { commandsOf, matches, readReadme, repository } from "../testing/readme.ts";

// The README's commands are run as they stand there, against a server on another port.

const { text, blocks } = await readReadme();
const readmeAddress = "127.0.0.1:50051";

// Off a terminal, curl shows how far it is.
const setUp = 'exec 2>&1; curl() { command curl --silent --show-error "$@"; }';

/** Starts a command in the repository; what it started ends with the test. */
function start(t: TestContext, command: string, env: NodeJS.ProcessEnv = {}) {
  const child = spawn("bash", ["-c", `${setUp}\n${command}`], {
    cwd: repository,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"],
    // A group of its own, to end all of it.
    detached: true,
  });
  const ended = once(child, "close").then(() => false);
  const interrupt = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      process.kill(-(child.pid as number), "SIGINT");
    }
    await ended;
  };
  t.after(interrupt);
  return { child, interrupt, ...outputOf(child, ended) };
}

/** What a process prints, and a way to wait for it. */
function outputOf(child: ChildProcess, ended: Promise<boolean>) {
  let printed = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk) => {
    printed += chunk;
  });
  return {
    /** Resolves once what it printed passes; rejects when it ends before that. */
    async until(passes: (printed: string) => boolean, wanted: string): Promise<void> {
      while (!passes(printed)) {
        const more = once(child.stdout as NonNullable<ChildProcess["stdout"]>, "data");
        if (!(await Promise.race([more.then(() => true), ended])) && !passes(printed)) {
          assert.fail(`wanted:\n${wanted}\nprinted:\n${printed}`);
        }
      }
    },
    /** Resolves with all that it printed, once it has ended. */
    all: () => ended.then(() => printed),
  };
}

/** Starts the server by the README's first command, and returns its address. */
async function npmStart(t: TestContext): Promise<string> {
  const [command] = blocks.filter(({ heading }) => heading === "Start");
  assert.equal(command?.code, "npm start\n");
  const port = String(await freePort());
  const env = { PARLEY_PORT: port, PARLEY_DATA: temporaryFolder(t) };
  const server = start(t, command.code, env);
  await server.until((printed) => printed.includes("Server listening at"), "a server that listens");
  return `127.0.0.1:${port}`;
}

const sessions = blocks.filter(({ language }) => language === "console");

suite("what the README shows in a shell", needsTools("grpcurl", "curl"), () => {
  for (const heading of new Set(sessions.map((session) => session.heading))) {
    test(heading, async (t) => {
      const address = await npmStart(t);
      const code = sessions.filter((session) => session.heading === heading);
      for (const { command, printed } of code.flatMap((session) => commandsOf(session.code))) {
        const running = start(t, command.replaceAll(readmeAddress, address), {
          PARLEY_SERVER: `http://${address}`,
        });
        await running.until((all) => matches(all, printed), `${command}\n${printed}`);
        // What goes on for ever is shown by dots at its end.
        if (printed.trimEnd().endsWith("…")) {
          await running.interrupt();
        } else {
          await running.all();
        }
      }
    });
  }
});

test("the README's program for Node", async (t) => {
  const address = await npmStart(t);
  const programs = blocks.filter(({ language }) => language === "ts");
  assert.equal(programs.length, 1);
  const code = programs[0]?.code.replace(readmeAddress, address) ?? "";
  const chat = createClient(ChatService, createGrpcTransport({ baseUrl: `http://${address}` }));
  const left = new AbortController();
  t.after(() => left.abort());
  const request = { room: "general", user: "watcher", presence: true };
  const watched = chat.subscribeMessages(request, { signal: left.signal })[Symbol.asyncIterator]();
  // Its welcome: it is told of all who come from now on.
  await watched.next();
  // A package that has what the program imports.
  const child = spawn(process.execPath, ["--input-type=module-typescript", "--eval", code], {
    cwd: `${repository}apps/cli`,
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill());
  const ended = once(child, "close").then(() => false);
  const program = outputOf(child, ended);
  const isThere = ({ type, user }: Message) => type === MessageType.JOIN && user === "Dan";
  for (let next = await watched.next(); !isThere(next.value); next = await watched.next()) {
    assert.ok(!next.done);
  }
  await chat.sendMessage({ room: "general", user: "Ben", content: "Hello back" });
  await program.until((all) => /^\d+ Ben: Hello back$/m.test(all), "Hello back");
  const { messages } = await chat.listMessages({ room: "general" });
  assert.equal(messages[0]?.content, "Hello from Node");
});

test("--help prints every flag of the README", async (t) => {
  const command = "npm start -- --help";
  assert.ok(text.includes(`\`${command}\``));
  const help = await start(t, command).all();
  const rows = [...text.matchAll(/^\| `(--[a-z-]+)` +\| (?:`([A-Z_]+)`)?/gm)];
  assert.ok(rows.length > 15);
  for (const [, flag = "", variable = ""] of rows) {
    assert.ok(help.includes(flag), flag);
    assert.ok(help.includes(variable), variable);
  }
});

/** Why a script is not among those that `.ci/run` runs. */
const leftOut: Readonly<Record<string, string>> = {
  dev: "serves until it is ended",
  screenshots: "makes pictures to be looked at",
  generate: "packages/proto has a test that its outcome is what is committed",
  bench: "takes many minutes; apps/bench has a test that runs a little of it",
};

test("the scripts for developers are there, and run elsewhere", async () => {
  const [block] = blocks.filter(
    ({ heading, language }) => heading === "Develop" && language === "sh",
  );
  const ci = await readFile(`${repository}.ci/run`, "utf8");
  const manifest = JSON.parse(await readFile(`${repository}package.json`, "utf8"));
  const names = Array.from(
    block?.code.matchAll(/^npm (?:run )?([a-z]+)/gm) ?? [],
    ([, name = ""]) => name,
  );
  assert.ok(names.length > 8);
  for (const name of names) {
    assert.ok(manifest.scripts[name], name);
    assert.notEqual(new RegExp(`^npm (run )?${name}\\b`, "m").test(ci), name in leftOut, name);
  }
});

test("every block of commands in the README was run", () => {
  const untaken = blocks.filter(
    ({ heading, language }) =>
      !["console", "ts", "text"].includes(language) && !["Start", "Develop"].includes(heading),
  );
  assert.deepEqual(untaken, []);
});
