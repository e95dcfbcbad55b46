import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFrames } from "../log/encode-frames.ts";
import { type FramesPage, type MessageLog, MessageLogError } from "../log/message-log.ts";
import { type CachedPage, PageCache } from "./page-cache.ts";

/** Far more than what a frame adds to it. */
const payloadBytes = 10_000;
const extent = { head: 10, oldest: 0, messageCount: 10 };

function next(page: CachedPage, sequence: number): number | undefined {
  const chunk = page.chunkAfter(sequence);
  return chunk?.sequenceAt(chunk.indexAfter(sequence));
}

/** A log whose rooms hold ten messages each, read two at a time when the test says so. */
function createLog() {
  const reads: { after: string; finish: () => Promise<void>; fail: (error: Error) => void }[] = [];
  const log = {
    readFrames(room: string, from: number | "oldest"): Promise<FramesPage> {
      const { promise, resolve, reject } = Promise.withResolvers<FramesPage>();
      const after = from === "oldest" ? extent.oldest : from;
      const messages = [after + 1, after + 2]
        .filter((one) => one <= extent.head)
        .map((one) => ({ sequence: one, serial: one, payload: new Uint8Array(payloadBytes) }));
      const finish = async () => {
        resolve({ after, frames: messages.length > 0 ? encodeFrames(messages) : undefined });
        await new Promise(setImmediate);
      };
      reads.push({ after: `${room} ${from}`, finish, fail: reject });
      return promise;
    },
  };
  return { log: log as Partial<MessageLog> as MessageLog, reads };
}

test("readers at one position share a page, from before it is loaded on", async () => {
  const { log, reads } = createLog();
  const cache = new PageCache(log, 1_000_000);
  const page = cache.load("a", 0);
  assert.equal(cache.load("a", 0), page);
  assert.notEqual(cache.load("a", 1), page);
  assert.notEqual(cache.load("a 0", 0), page);
  assert.deepEqual(
    reads.map(({ after }) => after),
    ["a 0", "a 1", "a 0 0"],
  );
  assert.equal(next(page, 0), undefined, "not yet");
  await reads[0]?.finish();
  await page.loaded;
  assert.equal(next(page, 0), 1);
  assert.equal(next(page, 1), 2);
  assert.equal(next(page, 2), undefined);
  assert.ok(page.bytes >= 2 * payloadBytes);
  assert.equal(cache.load("a", 0), page);
});

test("the pages loaded first are emptied when there is no space, the newest never", async () => {
  const { log, reads } = createLog();
  const cache = new PageCache(log, 5 * payloadBytes);
  const pages = [0, 2, 4].map((sequence) => cache.load("a", sequence));
  for (const { finish } of reads.slice(0, 3)) {
    await finish();
  }
  assert.deepEqual(
    pages.map(({ bytes }) => Math.floor(bytes / payloadBytes)),
    [0, 2, 2],
  );
  assert.notEqual(cache.load("a", 0), pages[0], "and loaded again when wanted");
  assert.equal(cache.load("a", 4), pages[2]);

  const small = createLog();
  const tiny = new PageCache(small.log, 1);
  for (let sequence = 0; sequence < 3; sequence++) {
    const page = tiny.load("a", sequence);
    await small.reads[sequence]?.finish();
    assert.equal(next(page, sequence), sequence + 1);
  }
});

test("a page that is still loading is not emptied", async () => {
  const { log, reads } = createLog();
  const cache = new PageCache(log, payloadBytes);
  const [late, early] = [cache.load("a", 0), cache.load("a", 4)];
  await reads[1]?.finish();
  assert.equal(cache.load("a", 0), late);
  await reads[0]?.finish();
  assert.equal(next(late, 0), 1);
  assert.equal(early.bytes, 0);
});

test("an empty page is not kept: there may be more by the next time", async () => {
  const { log, reads } = createLog();
  const cache = new PageCache(log, 1_000_000);
  const page = cache.load("a", 10);
  await reads[0]?.finish();
  assert.equal(next(page, 10), undefined);
  assert.notEqual(cache.load("a", 10), page);
});

test("a page that failed tells all who wait for it, and is read again", async () => {
  const { log, reads } = createLog();
  const cache = new PageCache(log, 1_000_000);
  const page = cache.load("a", 0);
  const error = new MessageLogError("unavailable", "no");
  reads[0]?.fail(error);
  await assert.rejects(page.loaded, error);
  await new Promise(setImmediate);
  const again = cache.load("a", 0);
  await reads[1]?.finish();
  await again.loaded;
  assert.equal(next(again, 0), 1);
});

test("pages from the oldest message on are shared, found by their place, and counted", async () => {
  const { log, reads } = createLog();
  const cache = new PageCache(log, 5 * payloadBytes);
  const page = cache.load("a", "oldest");
  assert.equal(cache.load("a", "oldest"), page);
  await reads[0]?.finish();
  assert.deepEqual([next(page, 0), page.after], [1, 0]);
  assert.equal(cache.load("a", 0), page);
  const again = cache.load("a", "oldest");
  assert.notEqual(again, page, "what is oldest is asked for anew");
  await reads[1]?.finish();
  assert.equal(cache.load("a", 0), page);
  cache.load("a", 2);
  await reads[2]?.finish();
  assert.deepEqual([page.bytes, next(again, 0)], [0, 1]);
});
