import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { encodeFramePieces } from "../log/encode-frames.ts";
import type { StoredMessage } from "../log/message-log.ts";
import { toRecord } from "../log/payload.ts";
import { Tail } from "./tail.ts";

const message = (sequence: number, bytes = 744): StoredMessage => ({
  sequence,
  serial: sequence,
  payload: new Uint8Array(bytes),
});

/** Adds messages as the log hands them over. */
function push(tail: Tail, messages: readonly StoredMessage[]): void {
  for (const frames of encodeFramePieces(messages)) {
    tail.push(frames);
  }
}

function nextAfter(tail: Tail, sequence: number): number | undefined {
  const chunk = tail.chunkAfter(sequence);
  return chunk?.sequenceAt(chunk.indexAfter(sequence));
}

/** Every message of the tail, as a reader that is there from its start sees them. */
function sequences(tail: Tail): number[] {
  const found: number[] = [];
  let at = tail.startsAfter;
  for (let next = nextAfter(tail, at); next !== undefined; next = nextAfter(tail, at)) {
    at = next;
    found.push(at);
  }
  return found;
}

test("an empty tail begins where its room ends", () => {
  const tail = new Tail(7, 10_000);
  assert.equal(tail.startsAfter, 7);
  assert.equal(tail.chunkAfter(7), undefined);
  assert.equal(tail.bytes, 0);
});

test("messages are found by the sequence before them, gaps or not", () => {
  const pushes = {
    "one by one": [[1], [2], [5], [9]],
    together: [[1, 2, 5, 9]],
    mixed: [[1], [2, 5], [9]],
  };
  for (const [name, groups] of Object.entries(pushes)) {
    const tail = new Tail(0, 100_000);
    for (const group of groups) {
      push(
        tail,
        group.map((sequence) => message(sequence)),
      );
    }
    const found = Array.from({ length: 11 }, (_, after) => nextAfter(tail, after));
    assert.deepEqual(found, [1, 2, 5, 5, 5, 9, 9, 9, 9, undefined, undefined], name);
  }
});

test("what is pushed together is one chunk, unless it is large", () => {
  const tail = new Tail(0, 1_000_000);
  push(tail, [message(1), message(2), message(3)]);
  const small = tail.chunkAfter(0);
  assert.equal(small?.messageCount, 3);
  assert.equal(tail.chunkAfter(2), small);
  push(tail, [message(4, 200_000), message(5, 60_000), message(6, 60_000), message(7)]);
  assert.equal(tail.chunkAfter(3)?.lastSequence, 4);
  assert.deepEqual(sequences(tail), [1, 2, 3, 4, 5, 6, 7]);
  push(tail, []);
  assert.deepEqual(sequences(tail).at(-1), 7);
});

test("the oldest messages make way, and the start tells how far", () => {
  const budget = { heldBytes: 0 };
  const tail = new Tail(0, 4_000, budget);
  for (let sequence = 1; sequence <= 10_000; sequence++) {
    push(tail, [message(sequence)]);
    assert.ok(tail.bytes <= 4_000);
    assert.equal(budget.heldBytes, tail.bytes);
    assert.equal(tail.startsAfter, Math.max(0, sequence - 3));
  }
  assert.deepEqual(sequences(tail), [9_998, 9_999, 10_000]);
});

test("a message that is larger than a tail leaves it empty", () => {
  const tail = new Tail(0, 1_000);
  push(tail, [message(1, 100)]);
  push(tail, [message(2, 5_000)]);
  assert.equal(tail.bytes, 0);
  assert.equal(tail.startsAfter, 2);
  push(tail, [message(3, 100)]);
  assert.deepEqual(sequences(tail), [3]);
});

test("a cleared tail goes on after its last message", () => {
  const budget = { heldBytes: 0 };
  const [tail, other] = [new Tail(0, 10_000, budget), new Tail(0, 10_000, budget)];
  tail.clear();
  assert.equal(tail.startsAfter, 0, "there was nothing to clear");
  push(tail, [message(1)]);
  push(tail, [message(4)]);
  push(other, [message(1)]);
  tail.clear();
  tail.clear();
  assert.ok(other.bytes > 0);
  assert.equal(budget.heldBytes, other.bytes);
  assert.equal(tail.startsAfter, 4);
  push(tail, [message(5)]);
  assert.deepEqual(sequences(tail), [5]);
});

/** Shows which of some objects are still there once all garbage is collected. */
async function survivors(references: readonly WeakRef<object>[]): Promise<boolean[]> {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  // What a reference has shown stays until the turn ends.
  await new Promise(setImmediate);
  collectGarbage();
  return references.map((reference) => reference.deref() !== undefined);
}

test("nothing that is dropped stays referenced", async () => {
  const tail = new Tail(0, 2_500);
  const references: WeakRef<object>[] = [];
  for (let sequence = 1; sequence <= 6; sequence++) {
    push(tail, [message(sequence)]);
    references.push(new WeakRef(tail.chunkAfter(sequence - 1) as object));
  }
  assert.deepEqual(await survivors(references), [false, false, false, false, true, true]);
  assert.deepEqual(sequences(tail), [5, 6]);
});

test("a tail holds no more than it counts: frames alone, in memory of their own", async () => {
  const budget = { heldBytes: 0 };
  const tail = new Tail(0, 1_000_000, budget);
  const fields = { room: "a", user: "Ann", content: "hello", idempotencyKey: "" };
  const { payload } = toRecord(fields, 0);
  push(tail, [{ sequence: 1, serial: 1, payload }]);
  const chunk = tail.chunkAfter(0);
  const { bytes } = chunk?.framesFrom(0) ?? {};
  assert.equal(bytes?.buffer.byteLength, bytes?.byteLength);
  const decoded = [new WeakRef(chunk?.messageAt(0) as object)];
  assert.deepEqual(await survivors(decoded), [false]);
  assert.equal(chunk?.messageAt(0).content, "hello");
  assert.ok(budget.heldBytes > (bytes?.byteLength ?? 0));
});

test("a tail goes on after a gap, of which it holds nothing", () => {
  const tail = new Tail(0, 10_000);
  push(tail, [message(1), message(2)]);
  tail.clear(7);
  assert.equal(tail.startsAfter, 7);
  push(tail, [message(8)]);
  assert.deepEqual(sequences(tail), [8]);
});
