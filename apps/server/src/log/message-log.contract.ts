import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeFrames } from "./encode-frames.ts";
import type { Frames } from "./frames.ts";
import {
  type AppendRecord,
  type MessageLog,
  MessageLogError,
  type Page,
  type PageDirection,
  type PageStart,
} from "./message-log.ts";

/** What an engine provides to run the contract's tests. */
export interface MessageLogFixture {
  /** Opens the log; again on the same store after a close. */
  open(options?: { idempotencyWindowMs?: number; retentionBytes?: number }): Promise<MessageLog>;
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

function everyFrame(frames: Frames): [sequence: number, frame: Buffer][] {
  const { messageCount } = frames;
  return Array.from({ length: messageCount }, (_, index) => {
    const rest = frames.framesFrom(index).bytes;
    const isLast = index === messageCount - 1;
    const bytes = isLast ? 0 : frames.framesFrom(index + 1).bytes.byteLength;
    return [frames.sequenceAt(index), Buffer.from(rest.subarray(0, rest.byteLength - bytes))];
  });
}

/** The tests that every engine passes. */
export function testMessageLogContract(
  engine: string,
  createFixture: () => Promise<MessageLogFixture>,
): void {
  function contractTest(name: string, run: (fixture: MessageLogFixture) => Promise<void>): void {
    test(`${engine}: ${name}`, async () => {
      const fixture = await createFixture();
      const opened: MessageLog[] = [];
      const open: MessageLogFixture["open"] = async (options) => {
        const log = await fixture.open(options);
        opened.push(log);
        return log;
      };
      try {
        await run({ ...fixture, open });
      } finally {
        await Promise.all(opened.map((log) => log.close()));
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
    assert.equal(new Set(results.map(({ serial }) => serial)).size, 3);
    const page = await log.read("a", 0, "forwards", everything);
    assert.deepEqual(contents(page), ["1", "3"]);
    assert.deepEqual(
      page.messages.map(({ sequence }) => sequence),
      [results[0]?.sequence, results[2]?.sequence],
    );
    assert.deepEqual(
      page.messages.map(({ serial }) => serial),
      [results[0]?.serial, results[2]?.serial],
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
        const { messages } = await log.read("a", after, "forwards", limit);
        const { frames, after: readFrom } = await log.readFrames("a", after, limit);
        const expected = messages.length > 0 ? encodeFrames(messages) : undefined;
        assert.equal(readFrom, after);
        assert.deepEqual(frames && everyFrame(frames), expected && everyFrame(expected));
      }
    }
    assert.equal((await log.readFrames("b", 0, everything)).frames, undefined);
    await assert.rejects(log.readFrames("a", 6, everything), { code: "out-of-range" });
    await log.close();
  });

  contractTest("a room never appended to is empty", async ({ open }) => {
    const log = await open();
    assert.deepEqual(await log.extent("a"), { head: 0, oldest: 0, messageCount: 0 });
    assert.deepEqual((await log.read("a", 0, "forwards", everything)).messages, []);
    assert.deepEqual(await log.append([]), []);
    await log.close();
  });

  contractTest("pages are bounded by messages and bytes, both ways", async ({ open }) => {
    const log = await open();
    const texts = ["aaaa", "bbbb", "cccc", "dddd", "eeee"];
    const results = await log.append(texts.map((text) => record("a", text)));
    const third = results[2]?.sequence as number;

    const two = await log.read("a", 0, "forwards", { messages: 2, bytes: 100 });
    assert.deepEqual([contents(two), two.hasMore], [["aaaa", "bbbb"], true]);
    const byBytes = await log.read("a", 0, "forwards", { messages: 100, bytes: 9 });
    assert.deepEqual([contents(byBytes), byBytes.hasMore], [["aaaa", "bbbb"], true]);
    const atLeastOne = await log.read("a", 0, "forwards", { messages: 100, bytes: 1 });
    assert.deepEqual([contents(atLeastOne), atLeastOne.hasMore], [["aaaa"], true]);
    const rest = await log.read("a", third, "forwards", { messages: 2, bytes: 100 });
    assert.deepEqual([contents(rest), rest.hasMore], [["dddd", "eeee"], false]);

    const before = await log.read("a", third, "backwards", { messages: 1, bytes: 100 });
    assert.deepEqual([contents(before), before.hasMore], [["bbbb"], true]);
    const first = await log.read("a", third, "backwards", { messages: 2, bytes: 100 });
    assert.deepEqual([contents(first), first.hasMore], [["aaaa", "bbbb"], false]);
    await log.close();
  });

  contractTest("a page starts with the oldest or the newest message kept", async ({ open }) => {
    const log = await open();
    const limit = { messages: 2, bytes: 100 };
    for (const from of ["oldest", "newest"] as const) {
      for (const direction of ["forwards", "backwards"] as const) {
        const { messages, hasMore, extent } = await log.read("a", from, direction, limit);
        assert.deepEqual([messages, hasMore, extent.head], [[], false, 0]);
      }
    }
    await log.append(["1", "2", "3", "4", "5"].map((text) => record("a", text)));
    const read = async (from: PageStart, direction: PageDirection) => {
      const page = await log.read("a", from, direction, limit);
      return [contents(page), page.hasMore];
    };
    assert.deepEqual(await read("oldest", "forwards"), [["1", "2"], true]);
    assert.deepEqual(await read("newest", "backwards"), [["4", "5"], true]);
    assert.deepEqual(await read("oldest", "backwards"), [[], false]);
    assert.deepEqual(await read("newest", "forwards"), [[], false]);
    await log.close();
  });

  contractTest(
    "a read from the oldest message holds while old ones are removed",
    async (fixture) => {
      const log = await fixture.open({ retentionBytes: 1_000 });
      let isOver = false;
      const reading = Array.from({ length: 4 }, async () => {
        while (!isOver) {
          const { messages, extent } = await log.read("a", "oldest", "forwards", everything);
          assert.equal(messages.length, extent.messageCount);
          const { after, frames } = await log.readFrames("a", "oldest", everything);
          assert.ok(after >= extent.oldest);
          assert.ok(!frames || frames.sequenceAt(0) > after);
        }
      });
      for (let oldest = 0; oldest < 200; { oldest } = await log.extent("a")) {
        await log.append(Array.from({ length: 5 }, () => record("a", "x".repeat(100))));
      }
      isOver = true;
      await Promise.all(reading);
      await log.close();
    },
  );

  contractTest("a sequence beyond the head is out of range", async ({ open }) => {
    const log = await open();
    const [result] = await log.append([record("a", "1")]);
    const head = result?.sequence as number;
    await assert.rejects(log.read("a", head + 1, "forwards", everything), (error) => {
      assert.ok(error instanceof MessageLogError);
      assert.equal(error.code, "out-of-range");
      assert.equal(error.retryable, false);
      assert.equal(error.extent?.head, head);
      return true;
    });
    await log.close();
  });

  contractTest("an idempotency key counts for its user, room and window", async ({ open }) => {
    // So long that no key expires by itself meanwhile.
    const windowMs = 24 * 3_600_000;
    const startMs = Date.now();
    const log = await open({ idempotencyWindowMs: windowMs });
    const at = (offsetMs: number, room = "a", user = "Ann"): AppendRecord => ({
      ...record(room, `${user} at ${offsetMs}`, "key"),
      user,
      receivedAtMs: startMs + offsetMs,
    });
    const [first, second] = await log.append([at(0), at(1)]);
    assert.deepEqual(second, { ...first, duplicate: true });
    assert.deepEqual((await log.append([at(windowMs - 1)]))[0], { ...first, duplicate: true });
    const others = await log.append([at(windowMs - 1, "b"), at(windowMs - 1, "a", "Ben")]);
    assert.deepEqual(
      others.map(({ duplicate }) => duplicate),
      [false, false],
    );
    assert.equal((await log.append([at(windowMs + 1)]))[0]?.duplicate, false);
    assert.deepEqual(contents(await log.read("a", 0, "forwards", everything)), [
      "Ann at 0",
      `Ben at ${windowMs - 1}`,
      `Ann at ${windowMs + 1}`,
    ]);
    await log.close();
  });

  contractTest(
    "followers get every message once, in order, before the append resolves",
    async ({ open }) => {
      const log = await open();
      const names = ["room 0", "room 1", "room 2"];
      const followed = new Map(names.map((name) => [name, [] as ReturnType<typeof everyFrame>]));
      const stops = names.map((name) =>
        log.follow(name, ({ after, frames }) => {
          const messages = followed.get(name) ?? [];
          assert.equal(after, messages.at(-1)?.[0] ?? 0, "there is no gap");
          messages.push(...frames.flatMap(everyFrame));
        }),
      );
      const appends = Array.from({ length: 200 }, async (_, index) => {
        const key = `key ${index % 150}`;
        const room = `room ${index % 3}`;
        const [result] = await log.append([record(room, String(index), key)]);
        assert.ok(
          result?.duplicate ||
            followed.get(room)?.some(([sequence]) => sequence === result?.sequence),
          "followed before it was acknowledged",
        );
      });
      await Promise.all(appends);
      for (const name of names) {
        const { frames } = await log.readFrames(name, "oldest", everything);
        assert.equal(frames?.messageCount, 50);
        assert.deepEqual(followed.get(name), everyFrame(frames));
      }
      for (const stop of stops) {
        stop();
      }
      await log.append([record("room 0", "unseen")]);
      assert.equal(followed.get("room 0")?.length, 50);
      await log.close();
    },
  );

  contractTest("a follower that throws stops neither others nor appends", async ({ open }) => {
    const log = await open();
    let followedCount = 0;
    log.follow("a", () => {
      throw new Error("a follower failed");
    });
    log.follow("a", ({ frames }) => {
      followedCount += frames.reduce((sum, { messageCount }) => sum + messageCount, 0);
    });
    for (let count = 1; count <= 3; count++) {
      const results = await log.append([record("a", "1"), record("b", "1")]);
      assert.deepEqual(
        results.map(({ sequence }) => sequence),
        [count, count],
      );
      assert.equal(followedCount, count);
    }
    await log.close();
  });

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
    assert.notEqual(second?.serial, first?.serial);
    assert.deepEqual(contents(await log.read("a", 0, "forwards", everything)), ["1", "2"]);
    await log.close();
  });

  contractTest("closing waits for what is being appended", async ({ open }) => {
    let log = await open();
    const append = log.append([record("a", "1")]);
    await Promise.all([append, log.close()]);
    log = await open();
    assert.deepEqual(contents(await log.read("a", 0, "forwards", everything)), ["1"]);
    await log.close();
  });
}
