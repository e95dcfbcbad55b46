import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ChatService } from "@parley/proto/chat/v1";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { needsTools } from "@parley/testing/tools";
import { databasePath } from "../log/sqlite/database.ts";
import { readHistory } from "./testing/message-load.ts";
import { createSeededRandom } from "./testing/seeded-random.ts";
import { startStraceServer } from "./testing/strace-server.ts";

const rooms = ["a", "b", "c"];
const contentBytes = 1_000;
const keptBytes = 200 * 1024;

/** What clients know of the rooms, over all lives of the server. */
class Witness {
  readonly acknowledged = new Map<string, Map<number, string>>(
    rooms.map((room) => [room, new Map()]),
  );
  readonly oldest = new Map<string, number>(rooms.map((room) => [room, 0]));
  readonly #sent = new Map<string, number>();

  /** Sends to all rooms until the server is gone. */
  async sendUntilKilled(url: string, life: number): Promise<void> {
    const client = createClient(ChatService, createGrpcTransport({ baseUrl: url }));
    const sending = rooms.map(async (room) => {
      for (let index = 0; ; index++) {
        const content = `${life} ${index} `.padEnd(contentBytes, "x");
        const { sequence } = await client.sendMessage({ room, user: "ann", content });
        this.#acknowledge(room, Number(sequence), content);
      }
    });
    await Promise.allSettled(sending);
  }

  #acknowledge(room: string, sequence: number, content: string): void {
    const ofRoom = this.acknowledged.get(room);
    assert.ok(!ofRoom?.has(sequence), `sequence ${sequence} of room ${room} was given twice`);
    assert.ok(sequence > (this.#sent.get(room) ?? 0));
    this.#sent.set(room, sequence);
    ofRoom?.set(sequence, content);
  }

  /** Shows that a server has everything acknowledged that retention did not remove. */
  async assertHolds(url: string): Promise<void> {
    const client = createClient(ChatService, createGrpcTransport({ baseUrl: url }));
    for (const room of rooms) {
      const page = await client.listMessages({ room, pageSize: 1 });
      const oldest = Number(page.oldest?.sequence);
      const head = Number(page.head?.sequence);
      assert.ok(oldest >= (this.oldest.get(room) ?? 0), "what was removed does not come back");
      this.oldest.set(room, oldest);
      const messages = await readHistory(client, room);
      assert.deepEqual(
        messages.map(({ sequence }) => Number(sequence)),
        Array.from({ length: head - oldest }, (_, index) => oldest + 1 + index),
      );
      assert.equal(new Set(messages.map(({ content }) => content)).size, messages.length);
      const stored = new Map(messages.map(({ sequence, content }) => [Number(sequence), content]));
      const acknowledged = this.acknowledged.get(room) ?? new Map();
      for (const [sequence, content] of acknowledged) {
        assert.ok(sequence <= oldest || stored.get(sequence) === content, `lost: ${sequence}`);
      }
      const { rooms: listed } = await client.listRooms({});
      const count = listed.find(({ name }) => name === room)?.messageCount ?? 0n;
      assert.equal(Number(count), messages.length);
      // What is unknown was stored or not; a sequence that was seen is never another's.
      this.#sent.set(room, Math.max(head, this.#sent.get(room) ?? 0));
    }
  }
}

for (const [name, flags] of [
  ["a checkpoint", []],
  ["a checkpoint, with retention by size", ["--retention-bytes", `${keptBytes}B`]],
  ["a checkpoint, with retention by age", ["--retention-age", "500ms"]],
] as const) {
  test(`kills during ${name} lose nothing`, needsTools("strace"), async (t) => {
    const folder = temporaryFolder(t);
    const options = ["--data", folder, "--port", "0", ...flags];
    const random = createSeededRandom(11);
    const witness = new Witness();
    for (let life = 0; life < 6; life++) {
      // The database itself is written by checkpoints alone, once it is there.
      const when = 20 + random.below(500);
      const kill = `inject=pwrite64:signal=KILL:when=${when}`;
      const server = await startStraceServer(
        [
          ...["-f", "-o", "/dev/null", "-P", databasePath(folder)],
          ...["-e", "trace=pwrite64", "-e", kill],
        ],
        options,
      );
      t.after(() => server.stop("SIGKILL"));
      await witness.sendUntilKilled(server.url, life);
      assert.equal(await server.exited, null, "it was killed");
      const next = await startServerProcess(options);
      t.after(() => next.stop("SIGKILL"));
      await witness.assertHolds(next.url);
      await next.stop("SIGKILL");
    }
    const oldest = [...witness.oldest.values()];
    assert.ok(
      oldest.every((sequence) => sequence > 0 === flags.length > 0),
      `removed up to ${oldest}`,
    );
    if (flags[0] === "--retention-bytes") {
      for (const [room, sequence] of witness.oldest) {
        const kept = Math.max(...(witness.acknowledged.get(room)?.keys() ?? [])) - sequence;
        assert.ok(kept * contentBytes > keptBytes / 2, `${kept} messages kept`);
      }
    }
  });
}
