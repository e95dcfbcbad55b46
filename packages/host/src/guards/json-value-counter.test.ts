import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { checkJsonValues, createJsonValueCounter } from "./json-value-counter.ts";

const tooMany = { code: Code.ResourceExhausted, rawMessage: /more than 3 values/ };

test("values are counted wherever the text is cut", () => {
  for (const [text, isRefused] of [
    ['{"a":1,"b":[2]}', false],
    ['{"a":1,"b":[2,3]}', true],
    ['{"a":"{[,,,,,\\"{{{{\\\\"}', false],
    ['{"a":"x\\\\",{}}', false],
    ['{"a":"x\\\\",{},{}}', true],
  ] as const) {
    const bytes = Buffer.from(text);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const counter = createJsonValueCounter(3);
      const push = () => {
        counter.push(bytes.subarray(0, cut));
        counter.push(bytes.subarray(cut));
      };
      if (isRefused) {
        assert.throws(push, tooMany, `${text} cut at ${cut}`);
      } else {
        push();
      }
    }
  }
});

test("every text is counted for itself", () => {
  const counter = createJsonValueCounter(3);
  for (let count = 0; count < 10; count++) {
    counter.reset();
    counter.push(Buffer.from('{"a":"'));
  }
});

test("no fewer are counted than a text has, and only of what is JSON", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const valueCount = (value: unknown): number =>
        typeof value === "object" && value !== null
          ? Object.values(value).reduce<number>((sum, one) => sum + valueCount(one), 1)
          : 1;
      const counted = valueCount(JSON.parse(text));
      const bytes = Buffer.from(text);
      createJsonValueCounter(2 * counted).push(bytes);
      if (/^[[{]/.test(text) && counted > 2) {
        assert.throws(() => checkJsonValues(bytes, Math.floor(counted / 3)));
      }
    }),
  );
  checkJsonValues(Buffer.from("\n,,,,,,,,"), 3);
});
