import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageLogError } from "../message-log.ts";
import { ReadQueue, type ReadQueueLimits } from "./read-queue.ts";
import type { ReaderQuery } from "./worker-messages.ts";

/** A queue whose reader answers when the test says so, and what was sent to that so far. */
function createQueue(limits: Partial<ReadQueueLimits>) {
  const sent: string[] = [];
  const name = (query: ReaderQuery) => ("room" in query ? query.room : query.afterName);
  const queue = new ReadQueue((query) => sent.push(name(query)), limits);
  const page = (room: string, bytes: number) =>
    queue.read<string>({
      type: "messages",
      room,
      from: 0,
      direction: "forwards",
      messages: 10,
      bytes,
    });
  return {
    queue,
    sent,
    page,
    extent: (room: string) => queue.read<string>({ type: "extent", room }),
  };
}

test("a few reads are with the reader at once, and answered in order", async () => {
  const { queue, sent, extent } = createQueue({ maxSent: 2 });
  const reads = Array.from({ length: 5_000 }, (_, index) => extent(String(index)));
  assert.deepEqual(sent, ["0", "1"]);
  for (let index = 0; index < reads.length; index++) {
    queue.onResponse({ value: `answer ${index}` });
    assert.equal(sent.length, Math.min(index + 3, reads.length));
  }
  assert.deepEqual(
    await Promise.all(reads),
    reads.map((_, index) => `answer ${index}`),
  );
  assert.deepEqual(
    sent,
    reads.map((_, index) => String(index)),
  );
});

test("pages in flight are bounded in bytes, but one of any size gets through", async () => {
  const { queue, sent, page, extent } = createQueue({ maxSent: 10, maxSentBytes: 100 });
  const reads = [page("a", 60), page("b", 40), page("c", 1), page("d", 1_000), extent("e")];
  assert.deepEqual(sent, ["a", "b"]);
  queue.onResponse({ value: 1 });
  assert.deepEqual(sent, ["a", "b", "c"]);
  queue.onResponse({ value: 2 });
  assert.deepEqual(sent, ["a", "b", "c"], "what comes next is not overtaken");
  queue.onResponse({ value: 3 });
  assert.deepEqual(sent, ["a", "b", "c", "d"]);
  queue.onResponse({ value: 4 });
  queue.onResponse({ value: 5 });
  assert.deepEqual(await Promise.all(reads), [1, 2, 3, 4, 5]);
});

test("beyond the bound of what waits, a read is refused and can be retried", async () => {
  const { queue, extent } = createQueue({ maxSent: 1, maxWaiting: 2 });
  const reads = [extent("a"), extent("b"), extent("c")];
  await assert.rejects(extent("d"), { code: "overloaded", retryable: true });
  queue.onResponse({ value: 1 });
  reads.push(extent("d"));
  await assert.rejects(extent("e"), { code: "overloaded" });
  for (const value of [2, 3, 4]) {
    queue.onResponse({ value });
  }
  assert.deepEqual(await Promise.all(reads), [1, 2, 3, 4]);
});

test("a read that fails fails alone; when the queue ends, all that wait do", async () => {
  const { queue, sent, extent } = createQueue({ maxSent: 1 });
  const reads = ["a", "b", "c"].map((room) =>
    assert.rejects(extent(room), { code: "unavailable" }),
  );
  queue.onResponse({ error: { code: "unavailable", message: "no", extent: undefined } });
  await reads[0];
  assert.deepEqual(sent, ["a", "b"]);
  queue.end(new MessageLogError("unavailable", "closed"));
  await Promise.all(reads);
  queue.onResponse({ value: "late" });
  assert.deepEqual(sent, ["a", "b"]);
});

test("a read that cannot be sent fails alone", async () => {
  const sent: string[] = [];
  const queue = new ReadQueue(
    (query) => {
      if (query.type === "rooms") {
        throw new Error("not this one");
      }
      sent.push(query.type);
    },
    { maxSent: 1 },
  );
  const extent = () => queue.read({ type: "extent", room: "a" });
  const reads = [extent(), queue.read({ type: "rooms", afterName: "", limit: 1 }), extent()];
  const failed = assert.rejects(reads[1] as Promise<unknown>, { code: "unavailable" });
  queue.onResponse({ value: 1 });
  await failed;
  queue.onResponse({ value: 3 });
  assert.deepEqual(await Promise.all([reads[0], reads[2]]), [1, 3]);
  assert.equal(sent.length, 2);
});
