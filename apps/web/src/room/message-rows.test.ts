import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { MessageSchema } from "@parley/proto/chat/v1";
import { type RowsSource, toMessageRows } from "./message-rows.ts";

const noon = new Date(2026, 10, 20, 12);

function message(sequence: number, user: string, minutes: number, idempotencyKey = "") {
  return create(MessageSchema, {
    sequence: BigInt(sequence),
    user,
    content: `message ${sequence}`,
    timestamp: timestampFromDate(new Date(noon.getTime() + minutes * 60_000)),
    idempotencyKey,
  });
}

function rowsOf(source: Partial<RowsSource>) {
  return toMessageRows({ epoch: "e", user: "me", messages: [], outgoing: [], ...source });
}

test("what one says within minutes is one group", () => {
  const rows = rowsOf({
    messages: [
      message(1, "ada", 0),
      message(2, "ada", 4),
      message(3, "ben", 5),
      message(4, "ada", 6),
      message(5, "ada", 12),
    ],
  });
  assert.deepEqual(
    rows.map(({ startsGroup }) => startsGroup),
    [true, false, true, true, true],
  );
});

test("a day starts a group of its own", () => {
  const rows = rowsOf({ messages: [message(1, "ada", 719), message(2, "ada", 721)] });
  assert.deepEqual(
    rows.map(({ startsDay, startsGroup }) => [startsDay, startsGroup]),
    [
      [true, true],
      [true, true],
    ],
  );
});

test("the first message of others after the one read last is new", () => {
  const messages = [
    message(1, "ada", 0),
    message(2, "me", 1),
    message(3, "ada", 2),
    message(4, "ada", 2),
  ];
  const newOf = (newAfter?: bigint) =>
    rowsOf({ messages, newAfter })
      .filter(({ startsNew }) => startsNew)
      .map(({ sequence }) => sequence);
  assert.deepEqual(newOf(1n), [3n]);
  assert.deepEqual(newOf(4n), []);
  assert.deepEqual(newOf(undefined), []);
});

test("a message keeps its key when it comes back stored", () => {
  const outgoing = {
    key: "k",
    content: "hi",
    createdAtMs: noon.getTime(),
    status: "sending",
  } as const;
  const [before] = rowsOf({ outgoing: [outgoing] });
  const [after] = rowsOf({ messages: [message(1, "me", 0, "k")] });
  assert.equal(before?.key, after?.key);
  assert.equal(before?.outgoing?.status, "sending");
  assert.equal(after?.outgoing, undefined);
});

test("another's key is nobody's business", () => {
  const [row] = rowsOf({ messages: [message(7, "ada", 0, "k")] });
  assert.equal(row?.key, "e:7");
});
