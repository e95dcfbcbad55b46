import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ChatService } from "@parley/proto/chat/v1";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { needsTools } from "@parley/testing/tools";
import { readHistory } from "./testing/message-load.ts";

// What the README says of backups, done as it says it.

const room = "room";
const readme = readFileSync(new URL("../../../../README.md", import.meta.url), "utf8");
const command = /`sqlite3 data\/messages\.sqlite "(VACUUM INTO 'copy\.sqlite')"`/.exec(readme)?.[1];

async function startServer(t: TestContext, folder: string, ...flags: string[]) {
  const server = await startServerProcess(["--data", folder, "--port", "0", ...flags]);
  t.after(() => server.stop("SIGKILL"));
  const client = createClient(ChatService, createGrpcTransport({ baseUrl: server.url }));
  const send = async (from: number, to: number) => {
    for (let index = from; index < to; index++) {
      await client.sendMessage({ room, user: "ann", content: `${index}` });
    }
  };
  const contents = async () => (await readHistory(client, room)).map(({ content }) => content);
  const epoch = async () => (await client.listMessages({ room })).head?.epoch ?? "";
  return { server, client, send, contents, epoch };
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index}`);
}

/** A reader that is ahead of the restored copy is told so. */
async function assertTellsReaders(
  { client }: Awaited<ReturnType<typeof startServer>>,
  position: { epoch: string; sequence: bigint },
): Promise<void> {
  await assert.rejects(
    async () => {
      for await (const _ of client.subscribeMessages({ room, user: "reader", after: position })) {
      }
    },
    (error) => ConnectError.from(error).code === Code.OutOfRange,
  );
}

test(
  "a copy taken while the server runs is restored with a new epoch",
  needsTools("sqlite3"),
  async (t) => {
    const folder = temporaryFolder(t);
    const copy = join(temporaryFolder(t), "copy.sqlite");
    const first = await startServer(t, folder);
    await first.send(0, 50);
    assert.ok(command, "the README has the command");
    let isCopied = false;
    const sending = (async () => {
      for (let index = 50; !isCopied; index++) {
        await first.send(index, index + 1);
      }
    })();
    execFileSync("sqlite3", [
      join(folder, "messages.sqlite"),
      command.replace("copy.sqlite", copy),
    ]);
    isCopied = true;
    await sending;
    const epoch = await first.epoch();
    const sentCount = (await first.contents()).length;
    // Killed, so that a write-ahead log is left beside the database that is replaced.
    await first.server.stop("SIGKILL");

    copyFileSync(copy, join(folder, "messages.sqlite"));
    rmSync(join(folder, "messages.sqlite-wal"));
    rmSync(join(folder, "messages.sqlite-shm"));
    const restored = await startServer(t, folder, "--new-epoch");
    const contents = await restored.contents();
    assert.ok(contents.length >= 50 && contents.length <= sentCount);
    assert.deepEqual(contents, numbered(contents.length));
    assert.notEqual(await restored.epoch(), epoch);
    await assertTellsReaders(restored, { epoch, sequence: BigInt(contents.length) });
    await restored.send(contents.length, contents.length + 1);
    assert.equal(await restored.server.stop(), 0);
  },
);

test("a copy of a stopped server's folder is the whole log", async (t) => {
  const [folder, copy] = [temporaryFolder(t), join(temporaryFolder(t), "copy")];
  const first = await startServer(t, folder);
  await first.send(0, 30);
  const epoch = await first.epoch();
  assert.equal(await first.server.stop(), 0);
  cpSync(folder, copy, { recursive: true });

  const goingOn = await startServer(t, folder);
  assert.equal(await goingOn.epoch(), epoch);
  await goingOn.send(30, 40);
  assert.equal(await goingOn.server.stop(), 0);

  const restored = await startServer(t, copy, "--new-epoch");
  assert.deepEqual(await restored.contents(), numbered(30));
  await assertTellsReaders(restored, { epoch, sequence: 40n });
  const newEpoch = await restored.epoch();
  assert.equal(await restored.server.stop(), 0);
  const again = await startServer(t, copy);
  assert.equal(await again.epoch(), newEpoch, "a new epoch begins once");
  assert.equal(await again.server.stop(), 0);
});
