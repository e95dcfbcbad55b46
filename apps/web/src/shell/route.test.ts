import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRoute, roomHref } from "./route.ts";

test("a room's address leads back to it, whatever its name", () => {
  for (const room of ["general", "a/b", "#1 & 50%", "größe 🦊", ".."]) {
    assert.deepEqual(parseRoute(roomHref(room)), { page: "room", room });
  }
});

test("what is typed by hand is taken as far as it goes", () => {
  assert.deepEqual(parseRoute("#/rooms/50%"), { page: "room", room: "50%" });
  assert.deepEqual(parseRoute("#/rooms/a/b"), { page: "room", room: "a/b" });
  assert.deepEqual(parseRoute("#/rooms/"), { page: "home" });
  assert.deepEqual(parseRoute("#/nowhere"), { page: "home" });
  assert.deepEqual(parseRoute(""), { page: "home" });
  assert.deepEqual(parseRoute("#/metrics"), { page: "metrics" });
});
