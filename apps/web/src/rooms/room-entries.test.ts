import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { RoomSchema } from "@parley/proto/chat/v1";
import { filterRooms, toRoomEntries } from "./room-entries.ts";

const position = (sequence: number) => ({ epoch: "e", sequence: BigInt(sequence) });

function room(name: string, sequence: number) {
  return create(RoomSchema, { name, head: position(sequence), messageCount: BigInt(sequence) });
}

test("rooms are listed by name, with what is unread", () => {
  const entries = toRoomEntries([room("b", 9), room("a", 4)], [], { b: position(7) });
  assert.deepEqual(
    entries.map(({ name, unread }) => [name, unread]),
    [
      ["a", 0],
      ["b", 2],
    ],
  );
});

test("what was received counts before the list tells of it", () => {
  const opened = [{ name: "a", head: position(6) }];
  const [entry] = toRoomEntries([room("a", 4)], opened, { a: position(4) });
  assert.equal(entry?.unread, 2);
});

test("a room that was just made is listed", () => {
  const opened = [{ name: "new", head: { epoch: "", sequence: 0n } }];
  assert.deepEqual(
    toRoomEntries([], opened, {}).map(({ name }) => name),
    ["new"],
  );
});

test("the names that begin with what is typed come first", () => {
  const entries = ["backend", "frontend", "Endurance", "general"].map((name) => ({ name }));
  const found = filterRooms(entries, " end ").map(({ name }) => name);
  assert.deepEqual(found, ["Endurance", "backend", "frontend"]);
  assert.equal(filterRooms(entries, "").length, 4);
});
