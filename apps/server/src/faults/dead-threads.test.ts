import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ChatService } from "@parley/proto/chat/v1";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { readHistory } from "./testing/message-load.ts";

const preload = new URL("./testing/die-on-request.ts", import.meta.url).href;
const room = "room";

for (const thread of ["writer", "reader"]) {
  test(`a ${thread} that dies ends the process, and a restart recovers`, async (t) => {
    const folder = temporaryFolder(t);
    const file = join(temporaryFolder(t), "die");
    const flags = ["--data", folder, "--port", "0", "--log-level", "info"];
    const server = await startServerProcess(flags, {
      NODE_OPTIONS: `--import=${preload}`,
      PARLEY_TEST_DIE: `${thread}=${file}`,
    });
    t.after(() => server.stop("SIGKILL"));
    const client = createClient(ChatService, createGrpcTransport({ baseUrl: server.url }));
    const acknowledged: string[] = [];
    const sending = (async () => {
      for (let index = 0; ; index++) {
        await client.sendMessage({ room, user: "ann", content: `${index}` });
        acknowledged.push(`${index}`);
        if (index === 100) {
          writeFileSync(file, "");
        }
      }
    })();
    const reading = (async () => {
      const contents: string[] = [];
      for await (const { id, content } of client.subscribeMessages({
        room,
        user: "b",
        after: {},
      })) {
        if (id !== "system") {
          contents.push(content);
          assert.equal(content, `${contents.length - 1}`);
        }
      }
    })();
    const [sent, read] = await Promise.allSettled([sending, reading]);
    assert.equal(sent.status, "rejected");
    assert.ok(read.status === "rejected");
    assert.equal(ConnectError.from(read.reason).code, Code.Unavailable);
    // A signal that does nothing: it ends by itself.
    assert.equal(await server.stop("SIGCONT"), 1);
    assert.match(server.output(), /"level":60.*a thread of the message log died.*told to die/);

    const next = await startServerProcess(flags);
    t.after(() => next.stop("SIGKILL"));
    const recovered = createClient(ChatService, createGrpcTransport({ baseUrl: next.url }));
    const contents = (await readHistory(recovered, room)).map(({ content }) => content);
    assert.deepEqual(contents.slice(0, acknowledged.length), acknowledged);
    assert.ok(contents.length <= acknowledged.length + 1, "and the one whose call failed, if any");
    assert.equal(await next.stop(), 0);
  });
}
