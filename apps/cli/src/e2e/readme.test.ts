import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "@parley/testing/free-port";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { needsTools } from "@parley/testing/tools";
import { commandsOf, readReadme, withoutChance } from "../testing/readme-session.ts";

const readme = await readReadme();
const root = fileURLToPath(new URL("../../../..", import.meta.url));
const jq = needsTools("jq");
const alias = /`(alias parley=.*)`/.exec(readme.text)?.[1] ?? "";

/** A shell with a server, in a folder of its own, where `parley` is what the README makes it. */
interface Shell {
  readonly folder: string;
  /** Starts a script; it is killed when the test ends. Standard error goes with its output. */
  start(script: string): Script;
  /** Runs a script until it ends; resolves with what it printed, and rejects when it failed. */
  run(script: string): Promise<string>;
}

interface Script {
  readonly child: ChildProcess;
  /** Resolves once it has printed all of this, as `withoutChance` makes it. */
  prints(text: string): Promise<void>;
  /** What it printed, when it has ended. */
  readonly output: Promise<string>;
  /** Presses Ctrl-C. */
  interrupt(): void;
}

async function openShell(t: TestContext): Promise<Shell> {
  const data = temporaryFolder(t);
  const server = await startServerProcess(["--port", String(await freePort()), "--data", data]);
  t.after(() => server.stop());
  const folder = temporaryFolder(t);
  const setUp = `shopt -s expand_aliases; cd '${root}'\n${alias}\ncd '${folder}'\nexec 2>&1\n`;
  function start(script: string): Script {
    const child = spawn("bash", ["-c", setUp + script], {
      env: { ...process.env, PARLEY_SERVER: server.url, PARLEY_USER: "tester" },
      stdio: ["ignore", "pipe", "inherit"],
      // A group of its own, for Ctrl-C to reach all of it.
      detached: true,
    });
    const signal = (name: NodeJS.Signals) => process.kill(-(child.pid as number), name);
    const closed = once(child, "close");
    let isClosed = false;
    void closed.then(() => {
      isClosed = true;
    });
    t.after(() => isClosed || signal("SIGKILL"));
    let printed = "";
    child.stdout.setEncoding("utf8").on("data", (chunk) => {
      printed += chunk;
    });
    return {
      child,
      output: closed.then(() => printed),
      interrupt: () => signal("SIGINT"),
      async prints(text) {
        while (!withoutChance(printed).includes(withoutChance(text))) {
          const more = once(child.stdout, "data").then(() => true);
          if (!(await Promise.race([more, closed.then(() => false)]))) {
            assert.fail(`it ended without printing:\n${text}\nbut printed:\n${printed}`);
          }
        }
      },
    };
  }
  return {
    folder,
    start,
    async run(script) {
      const { child, output } = start(script);
      const printed = await output;
      assert.equal(child.exitCode, 0, `${script}\nprinted:\n${printed}`);
      return printed;
    },
  };
}

/** Runs the commands of a session one after the other: each prints what the README says. */
async function follow(shell: Shell, session: string): Promise<void> {
  for (const { command, printed, printedAfterInterrupt } of commandsOf(session)) {
    if (printedAfterInterrupt === undefined) {
      const output = await shell.run(command);
      assert.equal(withoutChance(output), withoutChance(printed), command);
    } else {
      const running = shell.start(command);
      await running.prints(printed);
      running.interrupt();
      const all = printed + printedAfterInterrupt;
      assert.equal(withoutChance(await running.output), withoutChance(all), command);
    }
  }
}

test("the first commands work from the root of the repository", async (t) => {
  const shell = await openShell(t);
  const commands = commandsOf(readme.take("", "console"));
  assert.equal(commands.length, 2);
  for (const { command } of commands) {
    await shell.run(`cd '${root}' && ${command}`);
  }
});

test("the tour, and what scripts get, are as the README shows them", async (t) => {
  const shell = await openShell(t);
  const lines = Array.from({ length: 100_000 }, (_, index) => `{"content":"line ${index}"}\n`);
  writeFileSync(join(shell.folder, "messages.ndjson"), lines.join(""));
  const tour = readme.take("A minute's tour", "console");
  const session = readme.take("In scripts", "console");
  const [upload = "", ...rest] = tour.split(/^(?=\$ )/m).reverse();
  await follow(shell, rest.reverse().join(""));
  // Before the upload: it numbers its message as if there had been none.
  await follow(shell, session);
  await follow(shell, upload);
});

test("a reader in a shell survives its own restarts", jq, async (t) => {
  const shell = await openShell(t);
  const script = `handle() { jq -r '"handled \\(.content)"' <<<"$1"; }\n${readme.take("In scripts", "sh")}`;
  await shell.run("for word in one two; do parley send builds $word; done");
  const first = shell.start(script);
  await first.prints("handled two\n");
  await untilFile(join(shell.folder, "position"), /\/2\n$/);
  first.interrupt();
  await first.output;
  await shell.run("parley send builds three");
  const second = shell.start(script);
  await second.prints("handled three\n");
  second.interrupt();
  assert.doesNotMatch(await second.output, /handled (one|two)/);
});

test("the line of an upload is one", async (t) => {
  const shell = await openShell(t);
  writeFileSync(join(shell.folder, "messages.ndjson"), readme.take("Uploads", "ndjson"));
  assert.match(await shell.run("parley upload messages.ndjson"), /^1 message uploaded in /);
  const history = await shell.run("parley history general --json");
  assert.match(history, /"content":"Hello".*"timestamp":"2026-11-20T09:00:00Z"/);
});

test("every block of the README was run", () => {
  assert.deepEqual(readme.untaken(), jq.skip ? ['sh under "In scripts"'] : []);
});

/** Resolves when the file holds such a text. */
async function untilFile(path: string, text: RegExp): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const check = () => existsSync(path) && text.test(readFileSync(path, "utf8")) && resolve();
  const watcher = watch(join(path, ".."), check);
  check();
  await promise;
  watcher.close();
}
