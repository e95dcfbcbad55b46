import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { EnvelopeCounter, EnvelopeSplitter, envelope } from "./envelopes.ts";

suite("envelopes", () => {
  const payloads = [0, 1, 5, 300, 0, 20_000, 7].map((length, index) => Buffer.alloc(length, index));
  const end = envelope(Buffer.from("grpc-status: 0"));
  end[0] = 0x80;
  const bytes = Buffer.concat([...payloads.map(envelope), end]);
  const cuts = [1, 2, 3, 4, 5, 6, 7, 11, 1_000, bytes.length];

  test("an envelope is a flag, a length and the payload", () => {
    assert.deepEqual(envelope(Buffer.from("ab")), Buffer.from([0, 0, 0, 0, 2, 97, 98]));
  });

  for (const cut of cuts) {
    const chunks = Array.from({ length: Math.ceil(bytes.length / cut) }, (_, index) =>
      bytes.subarray(index * cut, (index + 1) * cut),
    );

    test(`messages are counted in chunks of ${cut} bytes, the end of the stream is not`, () => {
      const counter = new EnvelopeCounter();
      let count = 0;
      for (const chunk of chunks) {
        count += counter.push(chunk);
      }
      assert.equal(count, payloads.length);
    });

    test(`payloads come back from chunks of ${cut} bytes`, () => {
      const splitter = new EnvelopeSplitter();
      const found: Buffer[] = [];
      for (const chunk of chunks) {
        splitter.push(chunk, (payload) => found.push(Buffer.from(payload)));
      }
      assert.deepEqual(found, payloads);
    });
  }

  test("a message counts with its last byte", () => {
    const counter = new EnvelopeCounter();
    const framed = envelope(Buffer.alloc(3));
    assert.equal(counter.push(framed.subarray(0, 7)), 0);
    assert.equal(counter.push(framed.subarray(7)), 1);
  });
});
