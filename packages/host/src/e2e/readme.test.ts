import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const packageFolder = fileURLToPath(new URL("../..", import.meta.url));

test("the example in the README runs, answers and ends", async (t) => {
  const readme = await readFile(`${packageFolder}README.md`, "utf8");
  const example = /```ts\n(.*?)```/s.exec(readme)?.[1] ?? "";
  const child = spawn(process.execPath, ["--input-type=module-typescript"], {
    cwd: packageFolder,
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => child.kill("SIGKILL"));
  const exited = once(child, "exit");
  child.stdin.end(example.replace("0.0.0.0", "127.0.0.1").replace("8080", "0"));
  let url: string | undefined;
  for await (const line of createInterface(child.stdout)) {
    url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0];
    if (url !== undefined) {
      break;
    }
  }
  child.stdout.resume();

  const { stdout } = await promisify(execFile)("buf", [
    ...["curl", "--http2-prior-knowledge", `${url}/grpc.health.v1.Health/Check`],
  ]);
  assert.deepEqual(JSON.parse(stdout), { status: "SERVING" });
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
});

const prelude = `import "./src/testing/readme-prelude.ts";\n`;
const closing = `
const address = await app.listen({ host: "127.0.0.1", port: 0 });
process.stdout.write("listening at " + address);
await app.close();
process.exit();
`;

suite("a snippet of the README runs", async () => {
  const readme = await readFile(`${packageFolder}README.md`, "utf8");
  const [, ...snippets] = Array.from(readme.matchAll(/^```ts\n(.*?)^```/gms), ([, code]) => code);
  assert.ok(snippets.length >= 10);
  for (const snippet of snippets as string[]) {
    const name = /"@parley\/host\/([^"]+)"/.exec(snippet)?.[1] ?? snippet;
    test(name, async () => {
      const args = ["--input-type=module-typescript"];
      const running = promisify(execFile)(process.execPath, args, { cwd: packageFolder });
      running.child.stdin?.end(`${prelude}${snippet}${closing}`);
      assert.match((await running).stdout, /^listening at http:/);
    });
  }
});
