import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { limitDecompression } from "./limit-decompression.ts";

test("no more than so many messages are decompressed at a time, in order of arrival", async () => {
  const started: number[] = [];
  const ends: PromiseWithResolvers<Uint8Array<ArrayBuffer>>[] = [];
  const create = (name: string) => ({
    name,
    compress: async (bytes: Uint8Array) => new Uint8Array(bytes),
    decompress(bytes: Uint8Array) {
      started.push(bytes[0] ?? 0);
      const end = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
      ends.push(end);
      return end.promise;
    },
  });
  const [a, b] = limitDecompression([create("a"), create("b")], { maxConcurrent: 2 });
  assert.ok(a && b);
  assert.deepEqual([a.name, b.name], ["a", "b"]);
  const results = [1, 2, 3, 4, 5].map((value) =>
    (value % 2 ? a : b).decompress(Uint8Array.of(value), 100),
  );
  await setImmediate();
  assert.deepEqual(started, [1, 2]);
  // One that fails makes room too.
  ends[0]?.reject(new Error("broken"));
  await assert.rejects(results[0] as Promise<unknown>, /broken/);
  assert.deepEqual(started, [1, 2, 3]);
  ends[2]?.resolve(Uint8Array.of(3));
  assert.deepEqual(await results[2], Uint8Array.of(3));
  assert.deepEqual(started, [1, 2, 3, 4]);
  for (const index of [1, 3]) {
    ends[index]?.resolve(Uint8Array.of(0));
  }
  await Promise.all([results[1], results[3]]);
  assert.deepEqual(started, [1, 2, 3, 4, 5]);
  ends[4]?.resolve(Uint8Array.of(5));
  await results[4];
  // All places are free again.
  a.decompress(Uint8Array.of(6), 100);
  b.decompress(Uint8Array.of(7), 100);
  assert.deepEqual(started, [1, 2, 3, 4, 5, 6, 7]);
});
