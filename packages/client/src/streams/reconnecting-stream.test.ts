import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { controlClock } from "../testing/controlled-clock.ts";
import { type NextStream, ReconnectingStream } from "./reconnecting-stream.ts";
import { watchStream } from "./watched-stream.ts";

const unavailable = new ConnectError("gone", Code.Unavailable);
const outOfRange = new ConnectError("gone", Code.OutOfRange);

/** Values at which the reader resets the back-off, and stops. */
const [resets, stops] = [100, 101];

/**
 * A stream whose n-th part yields and fails with these, and the last one is silent. `events`
 * tells `open`, what was read, and `wait <ms>`.
 */
function streamOf(
  parts: readonly (readonly (number | ConnectError)[])[],
  mend?: (error: ConnectError) => Promise<NextStream>,
) {
  const events: string[] = [];
  let openCount = 0;
  const stream = new ReconnectingStream<number>({
    backoff: { initialMs: 1_000, maxMs: 4_000 },
    open() {
      events.push("open");
      const part = parts[openCount++] ?? [];
      return watchStream(10_000_000, async function* (signal) {
        for (const item of part) {
          if (item instanceof ConnectError) {
            throw item;
          }
          yield item;
        }
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      });
    },
    onWaiting: ({ retryAtMs }) => events.push(`wait ${retryAtMs - Date.now()}`),
    ...(mend && { mend }),
  });
  const read = async () => {
    for await (const value of stream) {
      events.push(String(value));
      if (value === resets) {
        stream.resetBackoff();
      } else if (value === stops) {
        stream.stop();
      }
    }
  };
  return { stream, events, read };
}

test("each failure doubles the wait, until the reader says that a stream did more than open", async (t) => {
  t.mock.method(Math, "random", () => 1);
  controlClock(t).run();
  const failing = [[unavailable], [unavailable], [unavailable], [unavailable]];
  const { events, read } = streamOf([...failing, [resets, unavailable], [stops]]);
  await read();
  const waits = [1_000, 2_000, 4_000, 4_000].flatMap((ms) => ["open", `wait ${ms}`]);
  assert.deepEqual(events, [...waits, "open", "100", "wait 1000", "open", "101"]);
});

test("what another stream cannot mend is thrown", async () => {
  const { events, read } = streamOf([[1, outOfRange]]);
  await assert.rejects(read(), (error) => (error as ConnectError).code === Code.OutOfRange);
  assert.deepEqual(events, ["open", "1"]);
});

test("the owner may mend it, at once or in time", async (t) => {
  controlClock(t).run();
  const answers: NextStream[] = ["at-once", "in-time", "never"];
  const { events, read } = streamOf([[outOfRange], [outOfRange], [outOfRange]], async () => {
    return answers.shift() ?? "never";
  });
  await assert.rejects(read(), (error) => (error as ConnectError).code === Code.OutOfRange);
  assert.deepEqual(
    events.map((event) => event.replace(/ .*/, "")),
    ["open", "open", "wait", "open"],
  );
});

test("retryNow ends the wait, and stop ends all, quietly", async (t) => {
  const clock = controlClock(t);
  const { stream, events, read } = streamOf([[unavailable], [2]]);
  const reading = read();
  const until = async (event: RegExp) => {
    while (!events.some((one) => event.test(one))) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  await until(/wait/);
  stream.retryNow();
  await until(/2/);
  stream.stop();
  await reading;
  assert.equal(clock.nowMs, 0);
  assert.equal(stream.stopped.aborted, true);
});
