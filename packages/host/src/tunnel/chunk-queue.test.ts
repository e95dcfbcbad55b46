import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createChunkQueue } from "./chunk-queue.ts";

test("all bytes come out, in order, whatever they come in", () => {
  const pieces = fc.array(
    fc.record({ bytes: fc.oneof(fc.nat(10), fc.nat(20_000)), takes: fc.nat(3) }),
    { maxLength: 40 },
  );
  fc.assert(
    fc.property(pieces, (steps) => {
      const queue = createChunkQueue();
      const into: Buffer[] = [];
      const out: Buffer[] = [];
      for (const [index, { bytes, takes }] of steps.entries()) {
        into.push(Buffer.alloc(bytes, index));
        queue.push(Buffer.alloc(bytes, index));
        for (let take = 0; take < takes; take++) {
          out.push(queue.shift() ?? Buffer.alloc(0));
        }
      }
      for (let chunk = queue.shift(); chunk; chunk = queue.shift()) {
        out.push(chunk);
      }
      assert.deepEqual(Buffer.concat(out), Buffer.concat(into));
    }),
  );
});

test("a hundred thousand chunks of a byte are a few of many", () => {
  const queue = createChunkQueue();
  for (let count = 0; count < 100_000; count++) {
    queue.push(Buffer.of(count % 256));
  }
  const lengths: number[] = [];
  for (let chunk = queue.shift(); chunk; chunk = queue.shift()) {
    lengths.push(chunk.length);
  }
  assert.equal(lengths.length, Math.ceil(100_000 / 16_384));
});

test("a large chunk is passed on as it is", () => {
  const queue = createChunkQueue();
  const large = Buffer.alloc(10_000);
  queue.push(Buffer.of(1));
  queue.push(large);
  queue.push(Buffer.of(2));
  assert.deepEqual(queue.shift(), Buffer.of(1));
  assert.equal(queue.shift(), large);
  assert.deepEqual(queue.shift(), Buffer.of(2));
  assert.equal(queue.shift(), undefined);
});
