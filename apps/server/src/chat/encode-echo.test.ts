import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { MessageSchema, MessageType } from "@parley/proto/chat/v1";
import { assert as check, integer, property, record, string } from "fast-check";
import { encodeEcho } from "./encode-echo.ts";

const message = record({
  id: string({ unit: "grapheme", maxLength: 128 }),
  content: string({ unit: "grapheme", maxLength: 300 }),
  room: string({ unit: "grapheme", minLength: 1, maxLength: 128 }),
});

test("an echo is what the generic encoder writes", () => {
  check(
    property(
      message,
      integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
      integer({ min: 1_000, max: 253_402_300_799_999 }),
      ({ id, content, room }, sequence, nowMs) => {
        const expected = create(MessageSchema, {
          id: `echo_${id}`,
          user: "Server",
          content: `Echo: ${content}`,
          room,
          timestamp: timestampFromMs(nowMs),
          type: MessageType.SYSTEM,
          sequence: BigInt(sequence),
        });
        assert.deepEqual(
          Buffer.from(encodeEcho({ id, content, room }, sequence, nowMs)),
          Buffer.from(toBinary(MessageSchema, expected)),
        );
      },
    ),
    { numRuns: 500 },
  );
});

test("an echo of what is largest has room", () => {
  const content = "é".repeat(5 * 1024 * 1024);
  const bytes = encodeEcho({ id: "x".repeat(128), content, room: "r" }, 2 ** 53 - 1);
  assert.ok(bytes.byteLength > Buffer.byteLength(content));
});
