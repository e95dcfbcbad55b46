import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { scalarZeroValue } from "@bufbuild/protobuf/reflect";
import type { Random } from "../random.ts";
import { attackedRooms } from "../rooms.ts";

const users = ["ada", "ben", "cleo", "dan"];
const oddTexts = [
  "",
  "\0",
  "\u{1F600}".repeat(40),
  "a\r\nb: c",
  "%00%ff%",
  "../../etc/passwd",
  "__proto__",
  "constructor",
  "\u202e\ufeff\u0301",
  "'; DROP TABLE messages; --",
];
const oddNumbers = [0, 1, -1, 2, 7, 100, 1000, 1001, 3600, 3601, 2 ** 31 - 1, -(2 ** 31)];
const oddLongs = [0n, 1n, 5n, 2n ** 31n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n];

/**
 * A message of a schema. With `valid`, one that keeps the contract's rules: what each field
 * holds goes by its name. Else any field may break them.
 */
export function randomMessage(random: Random, schema: DescMessage, valid: boolean): Message {
  const init: Record<string, unknown> = {};
  const chosen = new Set(schema.oneofs.map((oneof) => random.pick(oneof.fields)));
  for (const field of schema.fields) {
    const isOptional = field.oneof ? !chosen.has(field) : !isRequired(field);
    if (isOptional && random.chance(0.5)) {
      continue;
    }
    const value = randomValue(random, field, valid);
    if (value === undefined) {
      continue;
    }
    if (!field.oneof) {
      init[field.localName] = value;
    } else if (chosen.has(field)) {
      init[field.oneof.localName] = { case: field.localName, value };
    }
  }
  return create(schema, init as never);
}

function isRequired({ name }: DescField): boolean {
  return name === "room" || name === "user" || name === "content";
}

function randomValue(random: Random, field: DescField, valid: boolean): unknown {
  if (field.fieldKind === "message") {
    return randomNested(random, field.message, valid);
  }
  if (field.fieldKind === "enum") {
    return valid ? random.pick([0, 0, 0, 1, 2]) : random.pick([0, 1, 2, 3, 4, -1, 2 ** 31 - 1]);
  }
  if (field.fieldKind !== "scalar") {
    return undefined;
  }
  const zero = scalarZeroValue(field.scalar, false);
  if (typeof zero === "string") {
    return valid || random.chance(0.6) ? validText(random, field.name) : oddText(random);
  }
  if (typeof zero === "bigint") {
    const odd = random.pick(oddLongs);
    const isSigned = field.scalar === ScalarType.INT64;
    return valid ? BigInt(random.int(0, 20)) : isSigned ? BigInt.asIntN(64, odd) : odd;
  }
  if (typeof zero === "boolean") {
    return random.chance(0.5);
  }
  return valid ? random.int(0, 20) : random.pick(oddNumbers);
}

function randomNested(random: Random, schema: DescMessage, valid: boolean): Message {
  if (schema.typeName === "google.protobuf.Duration" && valid) {
    return create(schema, { seconds: BigInt(random.int(1, 60)) } as never);
  }
  if (schema.typeName === "chat.v1.Position" && valid) {
    // Before the oldest: the epoch is not known beforehand.
    return create(schema);
  }
  return randomMessage(random, schema, valid);
}

function validText(random: Random, name: string): string {
  switch (name) {
    case "room":
      return random.chance(0.8) ? random.pick(attackedRooms) : `cold-${random.int(0, 1e9)}`;
    case "user":
      return random.pick(users);
    case "content":
      return "x".repeat(1 + random.length(random.chance(0.02) ? 2_000_000 : 5_000));
    case "idempotency_key":
      return `key-${random.int(0, 50)}`;
    case "epoch":
    case "page_token":
      return "";
    default:
      return `${name}-${random.int(0, 9)}`;
  }
}

function oddText(random: Random): string {
  return random.chance(0.5)
    ? random.pick(oddTexts)
    : random.pick(["x", "é", "\n", "\u{10FFFF}"]).repeat(random.length(100_000));
}
