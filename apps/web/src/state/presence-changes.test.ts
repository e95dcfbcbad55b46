import assert from "node:assert/strict";
import { test } from "node:test";
import { createPresenceChanges } from "./presence-changes.ts";

test("the last change of each user is kept, and changes of a moment show together", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const { recent, note } = createPresenceChanges();
  let shownCount = 0;
  recent.subscribe(() => shownCount++);
  const shown = () => recent.get().map(({ user, isHere }) => `${user} ${isHere}`);
  note({ room: "a", user: "ada", isHere: true });
  for (let index = 0; index < 100; index++) {
    note({ room: "a", user: "ben", isHere: index % 2 === 0 });
  }
  t.mock.timers.tick(1_000);
  assert.deepEqual(shown(), ["ada true", "ben false"]);
  assert.equal(shownCount, 1);
  note({ room: "a", user: "ada", isHere: false });
  t.mock.timers.tick(1_000);
  assert.deepEqual(shown(), ["ben false", "ada false"]);
  t.mock.timers.tick(60_000);
  note({ room: "b", user: "cleo", isHere: true });
  t.mock.timers.tick(1_000);
  assert.deepEqual(shown(), ["cleo true"]);
});
