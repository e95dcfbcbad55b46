import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { array, assert as assertProperty, integer, property, uint8Array } from "fast-check";
import { frameMessages } from "./envelope.ts";
import { createEnvelopeReader } from "./envelope-reader.ts";

const maxMessageBytes = 1_000;

function isConnectError(code: Code, message: RegExp) {
  return (error: unknown) =>
    error instanceof ConnectError && error.code === code && message.test(error.rawMessage);
}

test("messages come out whole, however their bytes are cut", () => {
  assertProperty(
    property(
      array(uint8Array({ maxLength: 300 }), { maxLength: 10 }),
      array(integer({ min: 1, max: 400 }), { minLength: 1 }),
      (messages, cuts) => {
        const reader = createEnvelopeReader(maxMessageBytes);
        const bytes = frameMessages(messages);
        const read: Uint8Array[] = [];
        for (let offset = 0, turn = 0; offset < bytes.length; turn++) {
          const end = offset + (cuts[turn % cuts.length] as number);
          read.push(...reader.read(bytes.subarray(offset, end)));
          offset = end;
        }
        reader.end();
        assert.deepEqual(
          read.map((message) => Buffer.from(message)),
          messages.map((message) => Buffer.from(message)),
        );
      },
    ),
  );
});

test("what is too large is refused by its header alone", () => {
  const header = Buffer.from([0, 0xff, 0xff, 0xff, 0xff]);
  const reader = createEnvelopeReader(maxMessageBytes);
  assert.deepEqual(reader.read(header.subarray(0, 4)), []);
  assert.throws(
    () => reader.read(header.subarray(4)),
    isConnectError(Code.ResourceExhausted, /^message size 4294967295 is larger/),
  );
});

test("what is compressed or ends a stream is refused", () => {
  assert.throws(
    () => createEnvelopeReader(maxMessageBytes).read(frameMessages([Buffer.of(1)], 1)),
    isConnectError(Code.Internal, /compressed/),
  );
  assert.throws(
    () => createEnvelopeReader(maxMessageBytes).read(frameMessages([Buffer.of(1)], 2)),
    isConnectError(Code.InvalidArgument, /end flag/),
  );
});

test("a body that breaks off is refused at its end", () => {
  const bytes = frameMessages([Buffer.from("hello")]);
  for (const end of [1, 4, 5, 9]) {
    const reader = createEnvelopeReader(maxMessageBytes);
    assert.deepEqual(reader.read(bytes.subarray(0, end)), []);
    assert.throws(() => reader.end(), isConnectError(Code.InvalidArgument, /^protocol error: /));
  }
});
