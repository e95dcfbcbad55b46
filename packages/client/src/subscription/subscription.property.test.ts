import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { createChatClient } from "../index.ts";
import {
  chat,
  epoch,
  heartbeat,
  type StreamScript,
  scriptedServer,
  silence,
  welcome,
} from "../testing/scripted-server.ts";

/** How one stream of a room breaks. */
interface Fault {
  /** How many messages it sends; with 0 not even a welcome. */
  length: number;
  /** How many messages that the reader has it sends again. */
  repeats: number;
  heartbeats: boolean;
  ending: Code | "end";
}

const faults: fc.Arbitrary<Fault> = fc.record({
  length: fc.nat({ max: 8 }),
  repeats: fc.nat({ max: 3 }),
  heartbeats: fc.boolean(),
  ending: fc.constantFrom<Fault["ending"]>("end", Code.Unavailable, Code.Canceled, Code.Aborted),
});

/** Streams a log from the position asked for, or from `head`, until the fault. */
function stream(log: readonly bigint[], head: bigint, fault?: Fault): StreamScript {
  return async function* ({ after }, context) {
    const start = after?.sequence ?? head;
    const { length, repeats, heartbeats, ending } = fault ?? whole;
    if (length > 0) {
      yield welcome(start);
    }
    const first = log.findLastIndex((sequence) => sequence <= start) + 1;
    const from = Math.max(0, first - repeats);
    for (const sequence of log.slice(from, from + length)) {
      yield chat(sequence);
      if (heartbeats && sequence > start) {
        yield heartbeat(sequence);
      }
    }
    if (!fault) {
      await silence(context);
    } else if (ending !== "end") {
      throw new ConnectError("broken", ending);
    }
  };
}

const whole: Fault = { length: 1_000, repeats: 0, heartbeats: false, ending: "end" };

test("wherever streams break, each message comes once and in order", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.bigInt({ min: 1n, max: 10_000n }), { minLength: 2, maxLength: 30 }),
      fc.nat({ max: 28 }),
      fc.array(faults, { maxLength: 12 }),
      fc.boolean(),
      async (unordered, startIndex, breaks, fromNow) => {
        const log = unordered.sort((a, b) => (a < b ? -1 : 1));
        const start = log[Math.min(startIndex, log.length - 2)] as bigint;
        const server = scriptedServer([
          ...breaks.map((fault) => stream(log, start, fault)),
          stream(log, start),
        ]);
        const client = createChatClient(server.transport, { backoff: { initialMs: 1, maxMs: 1 } });
        const subscription = client.subscribe({
          room: "lobby",
          user: "ada",
          after: fromNow ? undefined : { epoch, sequence: start },
        });
        const expected = log.filter((sequence) => sequence > start);
        const seen: bigint[] = [];
        for await (const { sequence } of subscription) {
          seen.push(sequence);
          assert.equal(subscription.position?.sequence, sequence);
          if (sequence === log.at(-1)) {
            break;
          }
        }
        assert.deepEqual(seen, expected);
      },
    ),
    { numRuns: 200 },
  );
});
