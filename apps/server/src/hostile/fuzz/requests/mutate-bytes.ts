import type { Random } from "../random.ts";
import { bytesField, varint, varintField } from "../wire/protobuf-fields.ts";

type Mutation = (random: Random, bytes: Buffer) => Buffer;

function splice(bytes: Buffer, start: number, deleted: number, inserted: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, start), inserted, bytes.subarray(start + deleted)]);
}

/** What can happen to any bytes. */
const anyMutations: readonly Mutation[] = [
  (random, bytes) => {
    const changed = Buffer.from(bytes);
    for (let count = random.int(1, 4); count > 0 && changed.length > 0; count--) {
      changed[random.int(0, changed.length - 1)] = random.pick([0, 1, 0x7f, 0x80, 0xff, 0x0a]);
    }
    return changed;
  },
  (random, bytes) => bytes.subarray(0, random.int(0, bytes.length)),
  (random, bytes) => splice(bytes, random.int(0, bytes.length), 0, random.bytes(random.int(1, 9))),
  (random, bytes) => splice(bytes, random.int(0, bytes.length), random.int(1, 9), Buffer.alloc(0)),
  (random, bytes) => {
    const start = random.int(0, bytes.length);
    return splice(bytes, start, 0, bytes.subarray(start, start + random.int(1, 40)));
  },
];

/** What can happen to a message of protobuf. */
const messageMutations: readonly Mutation[] = [
  // Fields that the schema does not have, of each wire type.
  (random, bytes) =>
    Buffer.concat([bytes, varintField(random.pick([9, 100, 536_870_911]), random.int(0, 9))]),
  (random, bytes) => Buffer.concat([bytes, bytesField(1000, random.bytes(random.length(2000)))]),
  (_, bytes) => Buffer.concat([bytes, varint((20 << 3) | 5), Buffer.alloc(4)]),
  (_, bytes) => Buffer.concat([bytes, varint((20 << 3) | 1), Buffer.alloc(7)]),
  // Groups in groups, closed or not.
  (random, bytes) => {
    const depth = random.pick([1, 50, 101, 10_000, 200_000]);
    const ends = random.chance(0.5) ? depth : 0;
    return Buffer.concat([bytes, Buffer.alloc(depth, 0xa3), Buffer.alloc(ends, 0xa4)]);
  },
  (random, bytes) => {
    const depth = random.pick([50, 101, 5_000]);
    return Buffer.concat([bytes, Buffer.alloc(depth, 0x0b), Buffer.alloc(depth, 0x0c)]);
  },
  // Varints that are too long, and lengths beyond the end.
  (_, bytes) => Buffer.concat([bytes, Buffer.of(0x38), Buffer.alloc(11, 0xff)]),
  (_, bytes) => Buffer.concat([bytes, Buffer.alloc(12, 0x80), Buffer.of(1)]),
  (_, bytes) => Buffer.concat([bytes, Buffer.of(0x0a), varint(2 ** 31 - 1)]),
  (_, bytes) => Buffer.concat([bytes, Buffer.of(0x0a), varint(-1)]),
  // What is not UTF-8, in each of the first fields.
  (random, bytes) =>
    Buffer.concat([bytes, bytesField(random.int(1, 9), Buffer.of(0xff, 0xc0, 0x80, 0xed, 0xa0))]),
  // Field 0, and wire types that do not exist.
  (random, bytes) => Buffer.concat([bytes, Buffer.of(random.pick([0x00, 0x02, 0x0e, 0x0f]))]),
  // A message in a message where there is a text.
  (random, bytes) => bytesField(random.int(1, 9), bytesField(random.int(1, 9), bytes)),
];

/** Changes bytes a little, whatever they are. */
export function mutateBytes(random: Random, bytes: Buffer): Buffer {
  return random.pick(anyMutations)(random, bytes);
}

/** Changes a message of protobuf so that it is nearly one. */
export function mutateMessage(random: Random, bytes: Buffer): Buffer {
  return random.pick([...anyMutations, ...messageMutations, ...messageMutations])(random, bytes);
}
