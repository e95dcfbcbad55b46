import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { MessageSchema } from "@parley/proto/chat/v1";
import { array, assert as assertProperty, integer, property, record, string } from "fast-check";
import { encodeFrames } from "./encode-frames.ts";
import { messageId, messageIdBytes } from "./message-id.ts";
import { toMessage, toRecord } from "./payload.ts";

const message = record({
  room: string({ minLength: 1, unit: "grapheme" }),
  user: string({ minLength: 1, unit: "grapheme" }),
  content: string({ unit: "grapheme", maxLength: 500 }),
  idempotencyKey: string(),
  timestamp: record({
    seconds: integer({ min: -62_135_596_800, max: 253_402_300_799 }).map(BigInt),
    nanos: integer({ min: 0, max: 999_999_999 }),
  }),
});

const wholeNumber = integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

test("a stored payload is what the generic encoder makes of the message", () => {
  assertProperty(
    property(message, (fields) => {
      const { payload } = toRecord(fields, 0);
      const expected = toBinary(MessageSchema, create(MessageSchema, fields));
      assert.deepEqual(Buffer.from(payload), Buffer.from(expected));
    }),
  );
});

test("a message without a timestamp is given the time at which it was received", () => {
  const { payload } = toRecord({ room: "r", user: "u", content: "c", idempotencyKey: "" }, 1_500);
  const { timestamp } = fromBinary(MessageSchema, payload);
  assert.deepEqual([timestamp?.seconds, timestamp?.nanos], [1n, 500_000_000]);
});

test("how long an id is, is told without it", () => {
  assertProperty(
    property(wholeNumber, (serial) => {
      assert.equal(messageIdBytes(serial), messageId(serial).length);
    }),
  );
  for (let serial = 1; Number.isSafeInteger(serial); serial *= 10) {
    assert.equal(messageIdBytes(serial), messageId(serial).length);
    assert.equal(messageIdBytes(serial - 1), messageId(serial - 1).length);
  }
});

test("frames hold the messages that were stored, with their ids and sequences", () => {
  assertProperty(
    property(
      array(record({ message, step: wholeNumber, serial: wholeNumber }), {
        minLength: 1,
        maxLength: 20,
      }),
      (items) => {
        let sequence = 0;
        const stored = items.map((item) => {
          sequence = Math.min(sequence + (item.step % 1_000_000_007), Number.MAX_SAFE_INTEGER);
          return { sequence, serial: item.serial, payload: toRecord(item.message, 0).payload };
        });
        const chunk = encodeFrames(stored);
        const frames = Buffer.from(chunk.framesFrom(0).bytes);
        let offset = 0;
        stored.forEach((one, index) => {
          assert.equal(frames[offset], 0);
          const end = offset + 5 + frames.readUInt32BE(offset + 1);
          const framed = fromBinary(MessageSchema, frames.subarray(offset + 5, end));
          assert.deepEqual(framed, toMessage(one));
          assert.deepEqual(chunk.messageAt(index), framed);
          assert.equal(framed.id, messageId(one.serial));
          assert.equal(framed.sequence, BigInt(one.sequence));
          assert.deepEqual(Buffer.from(chunk.framesFrom(index).bytes), frames.subarray(offset));
          assert.equal(chunk.indexAfter(one.sequence), index + 1);
          offset = end;
        });
        assert.equal(offset, frames.length);
      },
    ),
  );
});
