import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryFolder } from "@parley/testing/temporary-folder";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../../..", import.meta.url));
const contract = "chat/v1/chat.proto";

// FILE, the strictest category, asks for more than compatible bytes and JSON:
// source code generated from the original contract must compile against what is
// generated from this one. It passes, so nothing weaker is asked.
const config = JSON.stringify({
  version: "v2",
  modules: [{ path: "." }],
  breaking: { use: ["FILE"] },
});

suite("compatibility with the original contract", () => {
  test("every element of it is kept", async (t) => {
    await assertCompatible(copyOfContract(t), originalModule(t));
  });

  const breaks: [name: string, from: RegExp, to: string, report: RegExp][] = [
    ["a field's number", /string content = 3 /, "string content = 33 ", /field "3" with name "c/],
    ["a field's JSON name", /string room = 3 /, "string channel = 3 ", /"room" to "channel"/],
    ["a field's type", /double value = 2;/, "float value = 2;", /"double" to "float"/],
    ["an enum value's name", /SYSTEM = 3;/, "SERVER = 3;", /"SYSTEM" to "SERVER"/],
    ["a method's kind", /rpc Chat\(stream /, "rpc Chat(", /client streaming/],
    ["a method", / {2}rpc StreamMetrics[^;]*;/, "", /RPC "StreamMetrics" .* deleted/],
  ];
  for (const [name, from, to, report] of breaks) {
    test(`changing ${name} is noticed`, (t) =>
      assertBreaks(changedContract(t, from, to), originalModule(t), report));
  }
});

// Made by `buf build --exclude-source-info --output packages/proto/fixtures/released/<version>.binpb`.
suite("compatibility with released contracts", () => {
  const folder = fileURLToPath(new URL("../fixtures/released", import.meta.url));
  for (const image of readdirSync(folder)) {
    test(image, async (t) => {
      await assertCompatible(copyOfContract(t), join(folder, image));
    });
  }

  test("changing a field that the original contract has not is noticed", async (t) => {
    const changed = changedContract(t, /string idempotency_key = /, "bytes idempotency_key = ");
    await assertBreaks(changed, join(folder, "0.1.0.binpb"), /"string" to "bytes"/);
  });
});

function assertCompatible(input: string, against: string) {
  const args = ["breaking", input, "--against", against, "--config", config];
  return run("buf", [...args, "--against-config", config]);
}

async function assertBreaks(input: string, against: string, report: RegExp): Promise<void> {
  await assert.rejects(assertCompatible(input, against), ({ code, stdout }) => {
    assert.equal(code, 100, "buf's exit code for breaking changes");
    assert.match(stdout, report);
    return true;
  });
}

/** A copy of proto/ in which one thing is changed. */
function changedContract(t: TestContext, from: RegExp, to: string): string {
  const folder = copyOfContract(t);
  const path = join(folder, contract);
  const text = readFileSync(path, "utf8");
  const changed = text.replace(from, to);
  assert.notEqual(changed, text);
  writeFileSync(path, changed);
  return folder;
}

/** A copy of proto/ without what surrounds it. */
function copyOfContract(t: TestContext): string {
  const folder = temporaryFolder(t);
  cpSync(join(repository, "proto"), folder, { recursive: true });
  return folder;
}

/** The original contract under the present package name, which the server serves it by. */
function originalModule(t: TestContext): string {
  const fixture = new URL("../fixtures/original/chat.proto", import.meta.url);
  const text = readFileSync(fixture, "utf8").replace("package chat;", "package chat.v1;");
  const folder = temporaryFolder(t);
  const path = join(folder, contract);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return folder;
}
