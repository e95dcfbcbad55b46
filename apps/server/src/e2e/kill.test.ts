import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createChatClient, oldestKept } from "@parley/client";
import { freePort } from "@parley/testing/free-port";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";

const kills = 20;
const acknowledgementsBetweenKills = 300;
const room = "load";

/** Counts events; lets one wait for a count. */
class Counter extends EventTarget {
  count = 0;

  add(): void {
    this.count += 1;
    this.dispatchEvent(new Event("added"));
  }

  async reaches(count: number): Promise<void> {
    while (this.count < count) {
      await once(this, "added");
    }
  }
}

test(`${kills} kills under load lose and repeat nothing`, async (t) => {
  const folder = temporaryFolder(t);
  const port = await freePort();
  const flags = ["--data", folder, "--port", String(port), "--log-level", "info"];
  let server = await startServerProcess(flags);
  t.after(() => server.stop("SIGKILL"));
  const transport = createGrpcTransport({ baseUrl: server.url });
  const client = createChatClient(transport, { backoff: { initialMs: 20, maxMs: 200 } });

  const ended = new AbortController();
  t.after(() => ended.abort());
  const received: { content: string; sequence: bigint }[] = [];
  const acknowledged = new Map<string, bigint>();
  const acknowledgements = new Counter();
  const receipts = new Counter();

  const subscription = (async () => {
    const request = { room, user: "reader", after: oldestKept };
    for await (const { content, sequence } of client.subscribe(request, { signal: ended.signal })) {
      received.push({ content, sequence });
      receipts.add();
    }
  })();

  let loading = true;
  const retrying = Array.from({ length: 8 }, async (_, sender) => {
    for (let index = 0; loading; index++) {
      const content = `sent ${sender} ${index}`;
      const { sequence } = await client.send({ room, user: `sender ${sender}`, content });
      acknowledged.set(content, sequence);
      acknowledgements.add();
    }
  });
  // An upload is acknowledged as a whole or not at all, and not tried again.
  let uploads = 0;
  const uploading = (async () => {
    for (let upload = 0; loading; upload++) {
      const contents = Array.from({ length: 50 }, (_, index) => `uploaded ${upload} ${index}`);
      const messages = contents.map((content) => ({ room, user: "uploader", content }));
      const answer = await client.upload(messages).catch(() => undefined);
      if (answer) {
        assert.equal(answer.messageCount, contents.length);
        for (const content of contents) {
          acknowledged.set(content, 0n);
        }
        uploads += 1;
      }
    }
  })();

  for (let kill = 0; kill < kills; kill++) {
    await acknowledgements.reaches(acknowledgements.count + acknowledgementsBetweenKills);
    await server.stop("SIGKILL");
    server = await startServerProcess(flags);
  }
  loading = false;
  await Promise.all([...retrying, uploading]);
  assert.ok(uploads > 0, "some uploads were acknowledged");

  const stored: { content: string; sequence: bigint }[] = [];
  for await (const { content, sequence } of client.history({ room })) {
    stored.push({ content, sequence });
  }
  await receipts.reaches(stored.length);
  ended.abort();
  await subscription;

  const places = new Map(stored.map(({ content, sequence }) => [content, sequence]));
  assert.equal(places.size, stored.length, "nothing is stored twice");
  for (const [content, sequence] of acknowledged) {
    const place = places.get(content);
    assert.ok(place !== undefined, `acknowledged and lost: ${content}`);
    assert.ok(sequence === 0n || sequence === place, `another sequence: ${content}`);
  }
  assert.deepEqual(received, stored, "the subscriber saw the log as it is, once and in order");
  assert.equal(await server.stop("SIGTERM"), 0);
});
