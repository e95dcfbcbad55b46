import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { MessageSchema, MessageType } from "@parley/proto/chat/v1";
import { oldestKept } from "../position/position.ts";
import { chat, heartbeat, welcome } from "../testing/scripted-server.ts";
import { createCursor } from "./cursor.ts";

test("the first welcome fixes a position that was not given", () => {
  const cursor = createCursor(undefined, false);
  assert.equal(cursor.position, undefined);
  cursor.welcome(welcome(7));
  assert.deepEqual(cursor.position, { epoch: "epoch-1", sequence: 7n });
});

test("the first welcome names the epoch of the oldest position kept", () => {
  const cursor = createCursor(oldestKept, false);
  assert.deepEqual(cursor.position, oldestKept);
  cursor.welcome(welcome(0));
  assert.deepEqual(cursor.position, { epoch: "epoch-1", sequence: 0n });
});

test("a message is accepted once, whatever stream repeats it", () => {
  const cursor = createCursor({ epoch: "epoch-1", sequence: 3n }, false);
  cursor.welcome(welcome(1));
  assert.equal(cursor.accept(chat(2)), false);
  assert.equal(cursor.accept(chat(3)), false);
  assert.equal(cursor.accept(chat(4)), true);
  assert.equal(cursor.accept(chat(4)), false);
  assert.equal(cursor.accept(chat(9)), true);
  assert.deepEqual(cursor.position, { epoch: "epoch-1", sequence: 9n });
});

test("what the server says moves the position and is not for the reader", () => {
  const cursor = createCursor(undefined, false);
  cursor.welcome(welcome(1));
  assert.equal(cursor.accept(heartbeat(5)), false);
  assert.equal(cursor.position?.sequence, 5n);
  assert.equal(cursor.accept(heartbeat(4)), false);
  assert.equal(cursor.position?.sequence, 5n);
});

for (const presence of [true, false]) {
  test(`presence messages are for the reader that asked: ${presence}`, () => {
    const cursor = createCursor(undefined, presence);
    cursor.welcome(welcome(1));
    for (const type of [MessageType.JOIN, MessageType.LEAVE]) {
      assert.equal(cursor.accept(create(MessageSchema, { type, sequence: 1n })), presence);
    }
    assert.equal(
      cursor.accept(create(MessageSchema, { type: MessageType.JOIN, sequence: 6n })),
      presence,
    );
    assert.equal(cursor.position?.sequence, 6n);
  });
}

test("a stored type that is not known yet is for the reader", () => {
  const cursor = createCursor(undefined, false);
  cursor.welcome(welcome(1));
  const later = create(MessageSchema, { type: 17 as MessageType, sequence: 2n });
  assert.equal(cursor.accept(later), true);
  assert.equal(cursor.accept(later), false);
});

test("a stream that cannot be resumed is refused", () => {
  const notResumable = (error: unknown) =>
    error instanceof ConnectError && error.code === Code.Unimplemented;
  assert.throws(() => createCursor(undefined, false).welcome(welcome(0, "")), notResumable);
  assert.throws(() => createCursor(undefined, false).welcome(chat(1)), notResumable);
});

test("a server that goes on with another log is refused", () => {
  const cursor = createCursor({ epoch: "epoch-1", sequence: 3n }, false);
  assert.throws(
    () => cursor.welcome(welcome(3, "epoch-2")),
    (error) => error instanceof ConnectError && error.code === Code.DataLoss,
  );
});
