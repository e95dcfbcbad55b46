import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { listeningUrl } from "./server-process.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { needsTools } from "./tools.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

// npm runs a script by one shell, which looks up each command once: the Node that an
// installation brings is found by the next script only.
test(
  "npm start serves from a fresh clone, by the Node of the machine",
  needsTools("git"),
  async (t) => {
    const folder = temporaryFolder(t);
    const files = execFileSync(
      "git",
      ["ls-files", "-z", "--cached", "--others", "--exclude-standard"],
      { cwd: root, encoding: "utf8" },
    );
    for (const file of files.split("\0").filter((name) => name !== "")) {
      cpSync(join(root, file), join(folder, file));
    }
    // None of what npm has put there to run this test.
    const PATH = (process.env.PATH ?? "")
      .split(delimiter)
      .filter((entry) => !entry.includes("node_modules"))
      .join(delimiter);
    const child = spawn("npm", ["start", "--", "--port", "0"], {
      cwd: folder,
      env: { ...process.env, PATH },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: npm does not pass signals on.
      detached: true,
    });
    const exited = once(child, "exit");
    t.after(async () => {
      if (child.exitCode === null && child.signalCode === null) {
        process.kill(-(child.pid as number), "SIGTERM");
        await exited;
      }
    });
    let output = "";
    let url: string | undefined;
    child.stderr.on("data", (chunk) => {
      output += chunk;
    });
    for await (const line of createInterface(child.stdout)) {
      output += `${line}\n`;
      url = listeningUrl(line);
      if (url) {
        break;
      }
    }
    child.stdout.resume();
    assert.ok(url, output);
    const page = await fetch(`${url}/`);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<script type="module"/, "the web app was built");
  },
);
