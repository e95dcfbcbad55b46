import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { needsTools } from "@parley/testing/tools";

const packageFolder = fileURLToPath(new URL("../..", import.meta.url));

test(
  "the example in the README runs, answers and ends",
  needsTools("grpcurl", "curl"),
  async (t) => {
    const readme = await readFile(`${packageFolder}README.md`, "utf8");
    const example = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? "";
    const child = spawn(process.execPath, ["--input-type=module-typescript"], {
      cwd: packageFolder,
      stdio: ["pipe", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    const exited = once(child, "exit");
    child.stdin.end(example.replace("0.0.0.0", "127.0.0.1").replace("8080", "0"));
    let url = "";
    for await (const line of createInterface(child.stdout)) {
      url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0] ?? "";
      if (url !== "") {
        break;
      }
    }
    child.stdout.resume();

    const commands = /```sh\n(grpcurl.*?)```/s.exec(readme)?.[1]?.trim().split("\n") ?? [];
    assert.ok(commands.length >= 5);
    const outputs: string[] = [];
    for (const command of commands) {
      const [program = "", ...args] = command
        .replaceAll(/(?:http:\/\/)?localhost:8080/g, (at) =>
          at.startsWith("http") ? url : url.replace("http://", ""),
        )
        .split(" ")
        .map((word) => word.replaceAll("'", ""));
      outputs.push((await promisify(execFile)(program, args)).stdout);
    }
    const [list, ...checks] = outputs;
    assert.match(list ?? "", /^grpc\.health\.v1\.Health$/m);
    for (const check of checks.slice(0, 3)) {
      assert.deepEqual(JSON.parse(check), { status: "SERVING" });
    }
    assert.match(checks.at(-1) ?? "", /^grpc_server_handled_total/m);
    const headers = {
      "content-type": "application/grpc-web-text",
      origin: "http://localhost:5173",
    };
    const body = Buffer.alloc(5).toString("base64");
    const answer = await fetch(`${url}/grpc.health.v1.Health/Check`, {
      method: "POST",
      headers,
      body,
    });
    assert.equal(answer.headers.get("content-type"), headers["content-type"]);
    assert.equal(answer.headers.get("access-control-allow-origin"), headers.origin);
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
  },
);

const prelude = `import "./src/testing/readme-prelude.ts";\n`;
// Whichever of them the snippet makes is to listen.
const closing = `
const made = typeof host !== "undefined" ? host : typeof app !== "undefined" ? app : undefined;
if (made) {
  await made.listen({ host: "127.0.0.1", port: 0 });
  await made.close();
}
process.stdout.write("it listens", () => process.exit());
`;

suite("a snippet of the README runs", async () => {
  const readme = await readFile(`${packageFolder}README.md`, "utf8");
  const [, ...snippets] = Array.from(readme.matchAll(/^```ts\n(.*?)^```/gms), ([, code]) => code);
  assert.ok(snippets.length >= 5);
  for (const [index, snippet] of (snippets as string[]).entries()) {
    test(`the ${index + 2}. one`, async () => {
      const args = ["--input-type=module-typescript"];
      const running = promisify(execFile)(process.execPath, args, { cwd: packageFolder });
      running.child.stdin?.end(`${prelude}${snippet.replace("8081", "0")}${closing}`);
      assert.match((await running).stdout, /it listens/);
    });
  }
});
