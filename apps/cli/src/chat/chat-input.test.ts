import assert from "node:assert/strict";
import { test } from "node:test";
import { parseChatInput } from "./chat-input.ts";

test("a line is something to say, or a command behind a slash", () => {
  assert.deepEqual(parseChatInput(" hello "), { kind: "say", content: " hello " });
  assert.deepEqual(parseChatInput("//etc/passwd"), { kind: "say", content: "/etc/passwd" });
  assert.deepEqual(parseChatInput("/room  my room "), { kind: "room", room: "my room" });
  assert.deepEqual(parseChatInput("/leave"), { kind: "leave", room: "" });
  assert.deepEqual(parseChatInput("/quit"), { kind: "quit", room: "" });
  assert.deepEqual(parseChatInput("   "), { kind: "nothing" });
});

test("a command that cannot be obeyed says why", () => {
  for (const line of ["/", "/shout hi", "/toString", "/join", `/room ${"x".repeat(129)}`]) {
    assert.equal(parseChatInput(line).kind, "problem", line);
  }
});
