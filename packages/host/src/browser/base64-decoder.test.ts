import assert from "node:assert/strict";
import { test } from "node:test";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { createBase64Decoder } from "./base64-decoder.ts";

const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
const cuts = fc.array(fc.nat(), { maxLength: 20 });

test("padded texts in a row, cut anywhere, decode to their bytes", () => {
  const property = fc.property(pieces, cuts, (pieces, cuts) => {
    const text = Buffer.from(pieces.map(toBase64).join(""));
    assert.deepEqual(decode(cut(text, cuts)), Buffer.concat(pieces));
  });
  fc.assert(property, { numRuns: 1_000 });
});

test("a text cut into single characters decodes to its bytes", () => {
  const property = fc.property(fc.uint8Array(), (bytes) => {
    const text = Buffer.from(toBase64(bytes));
    const pieces = Array.from(text, (character) => Uint8Array.of(character));
    assert.deepEqual(decode(pieces), Buffer.from(bytes));
  });
  fc.assert(property);
});

test("any character that is not of the alphabet is refused, wherever it stands", () => {
  const alphabet = /[A-Za-z0-9+/=]/;
  const foreign = fc.nat({ max: 255 }).filter((code) => !alphabet.test(String.fromCharCode(code)));
  const property = fc.property(
    fc.uint8Array({ minLength: 1 }),
    fc.nat(),
    foreign,
    (bytes, at, code) => {
      const text = Buffer.from(toBase64(bytes));
      text[at % text.length] = code;
      assert.throws(() => decode([text]), notBase64);
    },
  );
  fc.assert(property);
});

for (const text of [
  "=",
  "A=",
  "A===",
  "AA=A",
  "AAA=A",
  "====",
  "AAAA=",
  "AA",
  "AAA",
  "AA=",
  "AAAAA",
]) {
  test(`"${text}" is refused`, () => {
    assert.throws(() => decode([Buffer.from(text)]), notBase64);
  });
}

const notBase64 = { code: Code.InvalidArgument, rawMessage: "the body is not valid base64" };

function decode(pieces: readonly Uint8Array[]): Buffer {
  const decoder = createBase64Decoder();
  const bytes = Buffer.concat(pieces.map((piece) => decoder.decode(piece)));
  decoder.end();
  return bytes;
}

function cut(text: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = cuts.map((each) => each % (text.length + 1)).sort((a, b) => a - b);
  const starts = [0, ...at];
  return starts.map((start, index) => text.subarray(start, starts[index + 1] ?? text.length));
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
