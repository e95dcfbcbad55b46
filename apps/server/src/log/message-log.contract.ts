import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFrames } from "./encode-frames.ts";
import {
  type AppendRecord,
  type CommittedMessage,
  type MessageLog,
  MessageLogError,
  type Page,
} from "./message-log.ts";

/** What an engine provides to run the contract's tests. */
export interface MessageLogFixture {
  /** Opens the log; again on the same store after a close. */
  open(options?: { idempotencyWindowMs?: number }): Promise<MessageLog>;
  /** Removes the store. */
  dispose(): Promise<void>;
}

const everything = { messages: 1_000_000, bytes: 1 << 30 };

export function record(room: string, content: string, idempotencyKey = ""): AppendRecord {
  return {
    room,
    user: "Ann",
    idempotencyKey,
    receivedAtMs: Date.now(),
    payload: new TextEncoder().encode(content),
  };
}

export function contents(page: Pick<Page, "messages">): string[] {
  return page.messages.map(({ payload }) => new TextDecoder().decode(payload));
}

/** The tests that every engine passes. */
export function testMessageLogContract(
  engine: string,
  createFixture: () => Promise<MessageLogFixture>,
): void {
  function contractTest(name: string, run: (fixture: MessageLogFixture) => Promise<void>): void {
    test(`${engine}: ${name}`, async () => {
      const fixture = await createFixture();
      try {
        await run(fixture);
      } finally {
        await fixture.dispose();
      }
    });
  }

  contractTest("a room reads back what was appended, in order", async ({ open }) => {
    const log = await open();
    const results = await log.append([record("a", "1"), record("b", "2"), record("a", "3")]);
    assert.deepEqual(
      results.map(({ duplicate }) => duplicate),
      [false, false, false],
    );
    assert.ok((results[2]?.sequence ?? 0) > (results[0]?.sequence ?? 0));
    assert.equal(new Set(results.map(({ number }) => number)).size, 3);
    const page = await log.readAfter("a", 0, everything);
    assert.deepEqual(contents(page), ["1", "3"]);
    assert.deepEqual(
      page.messages.map(({ sequence }) => sequence),
      [results[0]?.sequence, results[2]?.sequence],
    );
    assert.deepEqual(
      page.messages.map(({ number }) => number),
      [results[0]?.number, results[2]?.number],
    );
    assert.deepEqual(page.extent, await log.extent("a"));
    assert.equal(page.extent.head, results[2]?.sequence);
    assert.equal(page.extent.messageCount, 2);
    await log.close();
  });

  contractTest("a room reads back as frames what it reads back as messages", async ({ open }) => {
    const log = await open();
    const long = "x".repeat(100_000);
    await log.append(["1", "2", "", long, "5"].map((content) => record("a", content)));
    for (const limit of [everything, { messages: 2, bytes: 1 << 30 }, { messages: 9, bytes: 2 }]) {
      for (const after of [0, 1, 3, 4, 5]) {
        const { messages } = await log.readAfter("a", after, limit);
        const frames = await log.readFrames("a", after, limit);
        const expected = encodeFrames(messages);
        assert.deepEqual(Buffer.from(frames.bytes), Buffer.from(expected.bytes));
        assert.deepEqual(Array.from(frames.sequences), expected.sequences);
        assert.deepEqual(Array.from(frames.ends), expected.ends);
      }
    }
    assert.equal((await log.readFrames("b", 0, everything)).ends.length, 0);
    await assert.rejects(log.readFrames("a", 6, everything), { code: "out-of-range" });
    await log.close();
  });

  contractTest("a room never appended to is empty", async ({ open }) => {
    const log = await open();
    assert.deepEqual(await log.extent("a"), { head: 0, oldest: 0, messageCount: 0 });
    assert.deepEqual((await log.readAfter("a", 0, everything)).messages, []);
    assert.deepEqual(await log.append([]), []);
    await log.close();
  });

  contractTest("pages are bounded by messages and bytes, both ways", async ({ open }) => {
    const log = await open();
    const texts = ["aaaa", "bbbb", "cccc", "dddd", "eeee"];
    const results = await log.append(texts.map((text) => record("a", text)));
    const third = results[2]?.sequence as number;

    const two = await log.readAfter("a", 0, { messages: 2, bytes: 100 });
    assert.deepEqual([contents(two), two.hasMore], [["aaaa", "bbbb"], true]);
    const byBytes = await log.readAfter("a", 0, { messages: 100, bytes: 9 });
    assert.deepEqual([contents(byBytes), byBytes.hasMore], [["aaaa", "bbbb"], true]);
    const atLeastOne = await log.readAfter("a", 0, { messages: 100, bytes: 1 });
    assert.deepEqual([contents(atLeastOne), atLeastOne.hasMore], [["aaaa"], true]);
    const rest = await log.readAfter("a", third, { messages: 2, bytes: 100 });
    assert.deepEqual([contents(rest), rest.hasMore], [["dddd", "eeee"], false]);

    const before = await log.readBefore("a", third, { messages: 1, bytes: 100 });
    assert.deepEqual([contents(before), before.hasMore], [["bbbb"], true]);
    const first = await log.readBefore("a", third, { messages: 2, bytes: 100 });
    assert.deepEqual([contents(first), first.hasMore], [["aaaa", "bbbb"], false]);
    await log.close();
  });

  contractTest("a sequence beyond the head is out of range", async ({ open }) => {
    const log = await open();
    const [result] = await log.append([record("a", "1")]);
    const head = result?.sequence as number;
    await assert.rejects(log.readAfter("a", head + 1, everything), (error) => {
      assert.ok(error instanceof MessageLogError);
      assert.equal(error.code, "out-of-range");
      assert.equal(error.retryable, false);
      assert.equal(error.extent?.head, head);
      return true;
    });
    await log.close();
  });

  contractTest("an idempotency key counts for its user, room and window", async ({ open }) => {
    const log = await open({ idempotencyWindowMs: 1_000 });
    const at = (offsetMs: number, room = "a", user = "Ann"): AppendRecord => ({
      ...record(room, `${user} at ${offsetMs}`, "key"),
      user,
      receivedAtMs: 1_000_000 + offsetMs,
    });
    const [first, second] = await log.append([at(0), at(1)]);
    assert.deepEqual(second, { ...first, duplicate: true });
    assert.deepEqual((await log.append([at(999)]))[0], { ...first, duplicate: true });
    const others = await log.append([at(999, "b"), at(999, "a", "Ben")]);
    assert.deepEqual(
      others.map(({ duplicate }) => duplicate),
      [false, false],
    );
    assert.equal((await log.append([at(1_001)]))[0]?.duplicate, false);
    assert.deepEqual(contents(await log.readAfter("a", 0, everything)), [
      "Ann at 0",
      "Ben at 999",
      "Ann at 1001",
    ]);
    await log.close();
  });

  contractTest(
    "followers get every message once, in order, before the append resolves",
    async ({ open }) => {
      const log = await open();
      const followed: CommittedMessage[] = [];
      const stop = log.follow((messages) => {
        followed.push(...messages);
      });
      const appends = Array.from({ length: 200 }, async (_, index) => {
        const key = `key ${index % 150}`;
        const [result] = await log.append([record(`room ${index % 3}`, String(index), key)]);
        assert.ok(
          result?.duplicate || followed.some(({ number }) => number === result?.number),
          "followed before it was acknowledged",
        );
      });
      await Promise.all(appends);
      assert.equal(followed.length, 150);
      for (const name of ["room 0", "room 1", "room 2"]) {
        const ofRoom = followed.filter(({ room }) => room === name);
        const page = await log.readAfter(name, 0, everything);
        assert.deepEqual(contents({ messages: ofRoom }), contents(page));
        assert.deepEqual(
          ofRoom.map(({ sequence, number }) => [sequence, number]),
          page.messages.map(({ sequence, number }) => [sequence, number]),
        );
      }
      stop();
      await log.append([record("a", "unseen")]);
      assert.equal(followed.length, 150);
      await log.close();
    },
  );

  contractTest("rooms are listed by name, a page at a time", async ({ open }) => {
    const log = await open();
    await log.append(["b", "é", "a", "c", "a"].map((name) => record(name, "1")));
    const first = await log.rooms("", 2);
    assert.deepEqual(
      first.map(({ name, messageCount }) => [name, messageCount]),
      [
        ["a", 2],
        ["b", 1],
      ],
    );
    assert.deepEqual(
      (await log.rooms("b", 10)).map(({ name }) => name),
      ["c", "é"],
    );
    await log.close();
  });

  contractTest("a log opened again goes on where it was", async ({ open }) => {
    let log = await open();
    const { epoch } = log;
    const [first] = await log.append([record("a", "1", "key")]);
    await log.close();
    await assert.rejects(log.append([record("a", "lost")]), MessageLogError);
    await assert.rejects(log.extent("a"), MessageLogError);

    log = await open();
    assert.equal(log.epoch, epoch);
    const [again, second] = await log.append([record("a", "1", "key"), record("a", "2")]);
    assert.deepEqual(again, { ...first, duplicate: true });
    assert.ok((second?.sequence ?? 0) > (first?.sequence ?? 0));
    assert.notEqual(second?.number, first?.number);
    assert.deepEqual(contents(await log.readAfter("a", 0, everything)), ["1", "2"]);
    await log.close();
  });

  contractTest("closing waits for what is being appended", async ({ open }) => {
    let log = await open();
    const append = log.append([record("a", "1")]);
    await Promise.all([append, log.close()]);
    log = await open();
    assert.deepEqual(contents(await log.readAfter("a", 0, everything)), ["1"]);
    await log.close();
  });
}
