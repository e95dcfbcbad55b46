import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { RoomSchema } from "@parley/proto/chat/v1";
import { applyPresence } from "./apply-presence.ts";

function room(name: string, members: string[], memberCount = members.length) {
  return create(RoomSchema, { name, members, memberCount });
}

const rooms = [room("a", ["ada", "cleo"]), room("b", []), room("full", ["ada", "ben"], 300)];

/** The members of a room, and how many there are, after changes such as `+ada`. */
function after(name: string, ...changes: string[]) {
  const changed = applyPresence(
    rooms,
    changes.map((change) => ({
      room: name,
      user: change.slice(1),
      isHere: change.startsWith("+"),
      atMs: 0,
    })),
  );
  const found = changed.find((one) => one.name === name);
  return found && `${found.members.join()} ${found.memberCount}`;
}

test("whoever comes is named where they belong, and whoever leaves is not", () => {
  assert.equal(after("a", "+ben"), "ada,ben,cleo 3");
  assert.equal(after("a", "-ada"), "cleo 1");
  assert.equal(after("a", "-ada", "+ben", "-cleo"), "ben 1");
  assert.equal(after("full", "-ben"), "ada 299");
});

test("what the list knows already changes nothing", () => {
  assert.equal(after("a", "+ada", "-ben"), "ada,cleo 2");
  assert.equal(applyPresence(rooms, []), rooms);
});

test("of those that the list does not name nothing is known", () => {
  assert.equal(after("full", "+zoe", "-yan"), "ada,ben 300");
});

test("a room is there from the first who comes on", () => {
  assert.equal(after("new", "+ada", "+ben"), "ada,ben 2");
  assert.equal(after("new", "+ada", "-ada"), undefined);
});
