import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { envelope, parseEnvelopes } from "../testing/envelope.ts";
import { createPieceGatherer } from "./piece-gatherer.ts";

const anyPieces = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 40 });

test("all bytes of any body are passed on, in order", () => {
  fc.assert(
    fc.property(anyPieces, fc.boolean(), (pieces, isEnveloped) => {
      const gatherer = createPieceGatherer(isEnveloped);
      const passed = [...pieces.map((piece) => gatherer.push(piece)), gatherer.rest()];
      const received = Buffer.concat(passed.filter((piece) => piece !== undefined));
      assert.deepEqual(received, Buffer.concat(pieces));
    }),
  );
});

test("a message is passed on with its last byte, however it is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 20 }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 30 }),
      (messages, pieceLength) => {
        const body = Buffer.concat(messages.map((message) => envelope(message)));
        const gatherer = createPieceGatherer(true);
        let received = Buffer.alloc(0);
        for (let start = 0; start < body.length; start += pieceLength) {
          const end = Math.min(start + pieceLength, body.length);
          const passed = gatherer.push(body.subarray(start, end));
          received = Buffer.concat([received, passed ?? Buffer.alloc(0)]);
          const sent = parseEnvelopes(body.subarray(0, end)).length;
          assert.equal(parseEnvelopes(received).length, sent);
        }
        assert.equal(gatherer.rest(), undefined);
      },
    ),
  );
});

test("a length is passed on before the message, so that it can be refused", () => {
  const gatherer = createPieceGatherer(true);
  const header = envelope(Buffer.alloc(0), 0, 0xffff_ffff);
  assert.equal(gatherer.push(header.subarray(0, 4)), undefined);
  assert.deepEqual(Buffer.from(gatherer.push(header.subarray(4)) ?? []), header);
});

test("a message in tiny pieces is passed on in few", () => {
  for (const isEnveloped of [true, false]) {
    const gatherer = createPieceGatherer(isEnveloped);
    gatherer.push(envelope(Buffer.alloc(0), 0, 1_000_000));
    let count = 0;
    for (let index = 0; index < 999_999; index++) {
      count += gatherer.push(Buffer.of(1)) === undefined ? 0 : 1;
    }
    assert.ok(count <= 16, `${count} pieces`);
  }
});

test("what is complete is not copied", () => {
  const piece = envelope(Buffer.from("message"));
  assert.equal(createPieceGatherer(true).push(piece), piece);
});
