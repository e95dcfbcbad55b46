import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { temporaryFolder } from "./temporary-folder.ts";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../../..", import.meta.url));
const published = ["proto", "client", "browser", "host"];

/** What another repository would write, checked as strictly as the compiler can. */
const consumer = `
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createWebSocketTransport } from "@parley/browser";
import { type ChatClient, createChatClient } from "@parley/client";
import { createHost } from "@parley/host";
import { ChatService, MessageType } from "@parley/proto/chat/v1";

const host = createHost({
  logger: false,
  routes(router) {
    router.service(ChatService, {
      sendMessage: ({ content }) => ({ messageId: content, sequence: 7n }),
    });
  },
});
const baseUrl = await host.listen({ host: "127.0.0.1", port: 0 });
const client: ChatClient = createChatClient(createGrpcTransport({ baseUrl }));
const { messageId, sequence } = await client.send({ room: "r", user: "u", content: "hello" });
const tunnelled: ChatClient = createChatClient(createWebSocketTransport({ baseUrl }));
await tunnelled.send({ room: "r", user: "u", content: "hello" });
await host.close();
console.log(messageId, sequence, MessageType.CHAT);
`;

test("another project installs, compiles and runs the published packages", async (t) => {
  const folder = temporaryFolder(t);
  for (const name of published) {
    const pack = ["--yes", "pnpm@12.21.0", "pack", "--pack-destination", folder];
    await run("npx", pack, { cwd: join(repository, "packages", name) });
  }
  const tarballs = await readdir(folder);
  assert.equal(tarballs.length, published.length);
  const tarball = (name: string) => {
    const file = tarballs.find((candidate) => candidate.startsWith(`parley-${name}-`));
    return `file:./${file}`;
  };
  const manifest = {
    private: true,
    type: "module",
    dependencies: {
      ...Object.fromEntries(published.map((name) => [`@parley/${name}`, tarball(name)])),
      "@bufbuild/protobuf": "^2.17.0",
      "@connectrpc/connect": "^2.2.0",
      "@connectrpc/connect-fastify": "^2.2.0",
      "@connectrpc/connect-node": "^2.2.0",
      "@connectrpc/connect-web": "^2.2.0",
      "@types/node": "^26.0.0",
      fastify: "^5.12.0",
    },
    overrides: { "@parley/proto": tarball("proto") },
  };
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  await writeFile(join(folder, "consumer.ts"), consumer.trimStart());
  await copyFile(join(repository, ".tsconfig.json"), join(folder, "base.json"));
  // Connect's own declarations name types of the DOM.
  const lib = ["es2024", "esnext.array", "esnext.disposable", "dom"];
  const options = { noEmit: false, skipLibCheck: false, lib };
  await writeFile(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: "./base.json", compilerOptions: options, files: ["consumer.ts"] }),
  );
  await run("npm", ["install", "--prefer-offline", "--no-audit", "--no-fund"], { cwd: folder });
  await run("tsc", ["-p", folder]).catch(({ stdout }) => assert.fail(stdout));
  const { stdout } = await run(process.execPath, ["consumer.js"], { cwd: folder });
  assert.equal(stdout, "hello 7n 0\n");
});
