import assert from "node:assert/strict";
import { test } from "node:test";
import { Followers } from "./followers.ts";
import type { CommittedBatch } from "./message-log.ts";

function createFollowers() {
  const errors: unknown[] = [];
  const followers = new Followers((error) => errors.push(error));
  const told: string[] = [];
  const deliver = (room: string, after: number) =>
    followers.deliver(room, () => ({ after, frames: [] }));
  const follower =
    (name: string) =>
    ({ after }: CommittedBatch) => {
      told.push(`${name} ${after}`);
    };
  return { followers, errors, told, deliver, follower };
}

test("followers are told of their rooms, until they are removed", () => {
  const { followers, told, deliver, follower } = createFollowers();
  const one = follower("one");
  const removals = [
    followers.add("a", one),
    followers.add("a", one),
    followers.add("b", follower("two")),
  ];
  deliver("a", 1);
  deliver("b", 2);
  removals[0]?.();
  removals[0]?.();
  deliver("a", 3);
  removals[1]?.();
  followers.add("a", follower("three"));
  removals[1]?.();
  deliver("a", 4);
  assert.deepEqual(told, ["one 1", "one 1", "two 2", "one 3", "three 4"]);
});

test("a batch is made only for a room that is followed", () => {
  const { followers } = createFollowers();
  followers.add("a", () => {})();
  followers.deliver("a", () => assert.fail("nobody follows"));
});

test("what a follower throws is told of, and concerns nobody else", () => {
  const { followers, errors, told, deliver, follower } = createFollowers();
  followers.add("a", () => {
    throw new Error("one");
  });
  followers.add("a", follower("two"));
  deliver("a", 1);
  followers.deliver("a", () => {
    throw new Error("no memory");
  });
  deliver("a", 2);
  assert.deepEqual(told, ["two 1", "two 2"]);
  assert.deepEqual(errors.map(String), ["Error: one", "Error: no memory", "Error: one"]);
});

test("followers come and go while a batch is handed out", () => {
  const { followers, errors, told, deliver, follower } = createFollowers();
  followers.add("a", () => {
    remove();
    followers.add("a", follower("late"));
  });
  const remove = followers.add("a", follower("removed"));
  deliver("a", 1);
  assert.deepEqual([told, errors], [[], []]);
  deliver("a", 2);
  assert.deepEqual(told, ["late 2"]);
});
