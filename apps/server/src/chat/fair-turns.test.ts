import assert from "node:assert/strict";
import { test } from "node:test";
import { FairTurns, type TurnTaker } from "./fair-turns.ts";

/** Has pieces that are told apart by how many messages they have. */
function createTaker(...pieces: number[]): TurnTaker {
  return {
    take() {
      const messageCount = pieces.shift();
      return messageCount === undefined ? undefined : { bytes: Buffer.alloc(0), messageCount };
    },
  };
}

function takeAll(turns: FairTurns): number[] {
  const taken: number[] = [];
  for (let frames = turns.take(); frames; frames = turns.take()) {
    taken.push(frames.messageCount);
  }
  return taken;
}

test("those who have something take turns, whoever was added most", () => {
  const turns = new FairTurns();
  const [many, few, none] = [createTaker(1, 2, 3, 4), createTaker(10, 20), createTaker()];
  for (const taker of [many, none, few, many]) {
    turns.add(taker);
  }
  assert.deepEqual(takeAll(turns), [1, 10, 2, 20, 3, 4]);
  assert.equal(turns.isIdle, true);
});

test("who is added anew waits for those who were there, and who has gone takes no turn", () => {
  const turns = new FairTurns();
  const [late, gone] = [createTaker(10), createTaker(20, 21)];
  turns.add(createTaker(1, 2));
  turns.add(gone);
  assert.deepEqual(
    [turns.take(), turns.take()].map((frames) => frames?.messageCount),
    [1, 20],
  );
  turns.add(late);
  turns.delete(gone);
  assert.deepEqual(takeAll(turns), [2, 10]);
});
