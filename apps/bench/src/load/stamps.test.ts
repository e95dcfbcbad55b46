import assert from "node:assert/strict";
import { test } from "node:test";
import { EnvelopeSplitter } from "./envelopes.ts";
import { chatMessage } from "./requests.ts";
import { createStampedMessage, readStampMs } from "./stamps.ts";

test("a stamp is read back from a message", () => {
  const stamped = createStampedMessage();
  const stamps: (number | undefined)[] = [];
  const bytes = Buffer.concat([stamped.at(12.345), chatMessage("plain"), stamped.at(98_765)]);
  new EnvelopeSplitter().push(bytes, (payload) => stamps.push(readStampMs(payload)));
  assert.deepEqual(stamps, [12.345, undefined, 98_765]);
});
