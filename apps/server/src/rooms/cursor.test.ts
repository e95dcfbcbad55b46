import assert from "node:assert/strict";
import { test } from "node:test";
import { openChatContext } from "../testing/chat-context.ts";
import type { CursorReader } from "./cursor.ts";

/** Counts how often it is told of something. */
function createReader() {
  const reader = {
    changes: 0,
    onChange() {
      reader.changes += 1;
    },
  };
  return reader satisfies CursorReader;
}

const request = { room: "room", user: "ada", start: "head", presence: true } as const;

test("two cursors of one reader in a room: each is told until it is closed", async (t) => {
  const { rooms, append } = await openChatContext(t);
  const reader = createReader();
  const first = await rooms.subscribe({ ...request, reader });
  const second = await rooms.subscribe({ ...request, reader });
  first.close();
  reader.changes = 0;
  await append("room", "1");
  assert.equal(reader.changes, 1, "the second is told");
  second.close();
  await append("room", "2");
  assert.equal(reader.changes, 1, "nobody is told");
});

test("a reader that throws when a page is there fails its cursor, not the process", async (t) => {
  const context = await openChatContext(t, { tailBytes: 0 });
  await context.append("room", "1");
  const told = Promise.withResolvers<void>();
  const reader = {
    onChange() {
      told.resolve();
      throw new Error("a bug");
    },
  };
  const cursor = await context.rooms.subscribe({ ...request, start: "oldest", reader });
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", onUnhandled);
  t.after(() => process.off("unhandledRejection", onUnhandled));
  assert.equal(cursor.nextFrames(), undefined);
  await told.promise;
  await new Promise(setImmediate);
  assert.deepEqual(unhandled, []);
  assert.throws(() => cursor.nextFrames(), /a bug/);
  cursor.close();
});
