import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { publishWindowed } from "./windowed-publishing.ts";

suite("windowed publishing", () => {
  const sizes = {
    subscribers: 10,
    messagesPerWrite: 2,
    writesInFlight: 3,
    durationMs: 150,
    isServerBusy: () => false,
  };

  test("keeps no more than the window in flight, and waits for all of it", async () => {
    let outstanding = 0;
    let most = 0;
    const loop = publishWindowed({
      ...sizes,
      write: () => {
        outstanding++;
        most = Math.max(most, outstanding);
        setTimeout(() => {
          outstanding--;
          loop.deliver(20);
        }, 1);
      },
    });
    const { sent, delivered, elapsedMs } = await loop.done;
    assert.equal(most, 3);
    assert.equal(delivered, sent * 10);
    assert.ok(elapsedMs >= 140 && elapsedMs < 1_000, `${elapsedMs}`);
  });

  test("goes on when deliveries are lost, and ends", { timeout: 100_000 }, async () => {
    let writes = 0;
    const loop = publishWindowed({
      ...sizes,
      write: () => {
        writes++;
        setTimeout(() => loop.deliver(19), 1);
      },
    });
    const { sent, delivered } = await loop.done;
    assert.ok(writes > 20, `${writes} writes`);
    assert.equal(sent, writes * 2);
    assert.equal(delivered, writes * 19);
  });
});
