import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Presence } from "./presence.ts";

function createPresence(t: TestContext, graceMs = 1_000) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const presence = new Presence(graceMs, () => {
    calls += 1;
  });
  let calls = 0;
  /** All events from an index on, as "join ada". */
  const events = (from = 0) => {
    const found: string[] = [];
    let index = from;
    for (let next = presence.eventAt(index); next; next = presence.eventAt(index)) {
      index = next.next;
      found.push(`${next.event.type} ${next.event.user}`);
    }
    assert.equal(index, Math.max(from, presence.eventCount));
    return found;
  };
  return { presence, events, callCount: () => calls };
}

test("a user joins with the first subscription, and leaves after the last", (t) => {
  const { presence, events, callCount } = createPresence(t);
  presence.enter("ada");
  presence.enter("ada");
  presence.enter("bob");
  assert.deepEqual(presence.members(), ["ada", "bob"]);
  presence.leave("ada");
  t.mock.timers.tick(10_000);
  assert.equal(presence.memberCount, 2, "one subscription is left");
  presence.leave("ada");
  t.mock.timers.tick(999);
  assert.deepEqual(presence.members(), ["ada", "bob"], "within the grace");
  t.mock.timers.tick(1);
  assert.deepEqual(presence.members(), ["bob"]);
  assert.deepEqual(events(), ["join ada", "join bob", "leave ada"]);
  assert.equal(callCount(), 3);
});

test("a user that comes back in time never left", (t) => {
  const { presence, events } = createPresence(t);
  presence.enter("ada");
  for (let count = 0; count < 3; count++) {
    presence.leave("ada");
    t.mock.timers.tick(900);
    presence.enter("ada");
    t.mock.timers.tick(900);
  }
  assert.deepEqual(events(), ["join ada"]);
  presence.leave("ada");
  t.mock.timers.tick(1_000);
  presence.enter("ada");
  assert.deepEqual(events(), ["join ada", "leave ada", "join ada"]);
});

test("who is not there cannot leave", (t) => {
  const { presence, events } = createPresence(t);
  presence.leave("ada");
  t.mock.timers.tick(1_000);
  assert.deepEqual(events(), []);
});

test("a reader that is slow gets the newest events, from where they are kept", (t) => {
  const { presence, events } = createPresence(t);
  for (let user = 0; user < 300; user++) {
    presence.enter(`user ${user}`);
  }
  assert.equal(presence.eventCount, 300);
  assert.deepEqual(events(299), ["join user 299"]);
  assert.deepEqual(events(300), []);
  const kept = events(0);
  assert.equal(kept.length, 256);
  assert.equal(kept[0], "join user 44");
});
