import assert from "node:assert/strict";
import { test } from "node:test";
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { createValidator } from "@bufbuild/protovalidate";
import {
  ListMessagesRequestSchema,
  MessageSchema,
  type MessageType,
  MetricsRequestSchema,
  SendMessageRequestSchema,
  SubscribeRequestSchema,
} from "@parley/proto/chat/v1";
import {
  type Arbitrary,
  assert as check,
  constantFrom,
  integer,
  oneof,
  property,
  record,
  string,
} from "fast-check";
import { createPlainRulesCheck } from "./plain-rules-check.ts";

const forbidden = ["\0", "\t", "\n", "\r", "\x1f", "\x7f", "\x80", "\x9f", "\u2028", "\u2029"];

const text = oneof(
  constantFrom(
    ...forbidden.map((character) => `a${character}b`),
    "a\u00a0b",
    "\ud83d\ude00",
    "a b",
  ),
  string({ unit: "binary", maxLength: 3 }),
  integer({ min: 60, max: 140 }).map((length) => "x".repeat(length)),
  integer({ min: 60, max: 140 }).map((length) => "\u{1f600}".repeat(length)),
);
const position = constantFrom(undefined, { epoch: "e", sequence: 1n }, { epoch: "e".repeat(129) });

const requests: Record<string, Arbitrary<object>> = {
  [SendMessageRequestSchema.typeName]: record({
    user: text,
    content: text,
    room: text,
    idempotencyKey: text,
  }),
  [MessageSchema.typeName]: record({
    id: text,
    user: text,
    content: text,
    room: text,
    type: integer({ min: -1, max: 5 }),
    idempotencyKey: text,
    epoch: text,
  }),
  [SubscribeRequestSchema.typeName]: record({
    room: text,
    user: text,
    after: position,
    heartbeat: constantFrom(undefined, { nanos: 1 }, { seconds: 1n }),
  }),
  [MetricsRequestSchema.typeName]: record({
    instanceId: text,
    intervalSeconds: integer({ min: -1, max: 3_601 }),
  }),
};

test("what is plainly valid is valid", () => {
  const validator = createValidator();
  for (const schema of [
    SendMessageRequestSchema,
    MessageSchema,
    SubscribeRequestSchema,
    MetricsRequestSchema,
  ] as DescMessage[]) {
    const keepsPlainly = createPlainRulesCheck(schema);
    check(
      property(requests[schema.typeName] as Arbitrary<object>, (init) => {
        const message = create(schema, init as MessageInitShape<DescMessage>);
        if (keepsPlainly(message)) {
          assert.equal(validator.validate(schema, message).kind, "valid");
        }
      }),
      { numRuns: 1_000 },
    );
  }
});

test("what is sent most is plainly valid", () => {
  const chat = { user: "Ann", content: "Hello", room: "general" };
  assert.ok(
    createPlainRulesCheck(SendMessageRequestSchema)(create(SendMessageRequestSchema, chat)),
  );
  assert.ok(
    createPlainRulesCheck(MessageSchema)(
      create(MessageSchema, { ...chat, timestamp: { seconds: 1n }, idempotencyKey: "k" }),
    ),
  );
  assert.ok(
    createPlainRulesCheck(SubscribeRequestSchema)(
      create(SubscribeRequestSchema, { room: "a", user: "b", after: { epoch: "e", sequence: 1n } }),
    ),
  );
});

test("what breaks a rule is not, nor what it does not know", () => {
  const keepsPlainly = createPlainRulesCheck(MessageSchema);
  const fine = { user: "Ann", content: "Hello", room: "general" };
  for (const wrong of [
    { user: "" },
    { room: "x".repeat(129) },
    { content: "x".repeat(10_481_665) },
    { type: 9 as MessageType },
    ...forbidden.flatMap((character) => [{ room: character }, { idempotencyKey: `a${character}` }]),
  ]) {
    assert.equal(keepsPlainly(create(MessageSchema, { ...fine, ...wrong })), false);
  }
  const pages = createPlainRulesCheck(ListMessagesRequestSchema);
  assert.equal(pages(create(ListMessagesRequestSchema, { room: "general" })), false);
  const subscription = create(SubscribeRequestSchema, { ...fine, heartbeat: { seconds: 1n } });
  assert.equal(createPlainRulesCheck(SubscribeRequestSchema)(subscription), false);
});
