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
