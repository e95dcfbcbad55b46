import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { EchoRequestSchema } from "../gen/testing/v1/echo_pb.ts";
import { maxMessageBytes } from "../testing/echo-process.ts";
import { envelope, envelopeFlag, parseEnvelopes } from "../testing/envelope.ts";
import { createExchanger, type Exchange } from "../testing/exchange.ts";
import { httpVersions, protocols } from "../testing/transports.ts";
import { underWatch } from "../testing/under-watch.ts";

const message = (text: string) => toBinary(EchoRequestSchema, create(EchoRequestSchema, { text }));

/** Cuts bytes at these places, however they lie. */
function split(bytes: Buffer, places: readonly number[]): Buffer[] {
  const cuts = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
  return [0, ...cuts].map((start, index) => bytes.subarray(start, cuts[index]));
}

const anyPlaces = fc.array(fc.nat(10_000), { maxLength: 8 });
const anyEnvelope = fc
  .record({
    // Mostly those that mean something, and all the others now and then.
    flags: fc.oneof(fc.constantFrom(0, 1, 2, 3, 0x80), fc.nat(255)),
    payload: fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.string().map(message)),
    lie: fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.integer({ min: -64, max: 64 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff_ffff }) },
    ),
  })
  .map(({ flags, payload, lie }) => {
    const length = Math.min(0xffff_ffff, Math.max(0, payload.length + lie));
    return envelope(payload, flags, length);
  });

for (const httpVersion of httpVersions) {
  suite(`over HTTP/${httpVersion}`, () => {
    test("messages arrive whole however they are cut", async (t) => {
      await underWatch(t, {}, async (server) => {
        const exchange = createExchanger(server, server.url, httpVersion);
        const property = async (
          protocol: Exchange["protocol"],
          texts: string[],
          places: readonly number[],
        ) => {
          const body = Buffer.concat(texts.map((text) => envelope(message(text))));
          const pieces = split(body, places);
          const outcome = await exchange({ protocol, method: "ClientStream", pieces });
          assert.equal(outcome.code, 0);
          const [answer] = parseEnvelopes(outcome.body);
          assert.deepEqual(answer?.payload, Buffer.from(message(texts.join(""))));
        };
        await fc.assert(
          fc.asyncProperty(
            fc.constantFrom(...protocols),
            fc.array(fc.string({ unit: "binary" }), { maxLength: 5 }),
            anyPlaces,
            property,
          ),
          { numRuns: 100 },
        );
      });
    });

    test("whatever is sent as envelopes is answered with a status", async (t) => {
      await underWatch(t, {}, async (server) => {
        const exchange = createExchanger(server, server.url, httpVersion);
        await fc.assert(
          fc.asyncProperty(
            fc.constantFrom(...protocols),
            fc.constantFrom("Unary", "ServerStream", "ClientStream"),
            fc.array(anyEnvelope, { maxLength: 4 }),
            anyPlaces,
            async (protocol, method, envelopes, places) => {
              const pieces = split(Buffer.concat(envelopes), places);
              const { code, httpStatus } = await exchange({ protocol, method, pieces });
              assert.ok(code !== undefined && code <= 16, `HTTP ${httpStatus}, code ${code}`);
              // Code.Unknown is that of an exception that nobody thought of.
              assert.notEqual(code, Code.Unknown);
            },
          ),
          { numRuns: 200 },
        );
      });
    });

    test("what breaks the rules is refused with the code that tells why", async (t) => {
      await underWatch(t, {}, async (server) => {
        const exchange = createExchanger(server, server.url, httpVersion);
        const text = message("text");
        const cases: [name: string, pieces: Uint8Array[], ...Code[]][] = [
          ["a message cut off", [envelope(text).subarray(0, -1)], Code.InvalidArgument],
          ["a header cut off", [envelope(text).subarray(0, 3)], Code.InvalidArgument],
          ["bytes after the message", [envelope(text), Buffer.of(0)], Code.InvalidArgument],
          ["a length too short", [envelope(text, 0, 2)], Code.Internal],
          ["a length too long", [envelope(text, 0, 99)], Code.InvalidArgument],
          ["a length of 4 GiB", [envelope(text, 0, 0xffff_ffff)], Code.ResourceExhausted],
          ["over the limit", [envelope(text, 0, maxMessageBytes + 1)], Code.ResourceExhausted],
          ["no message", [], Code.Unimplemented],
          ["two messages", [envelope(text), envelope(text)], Code.Unimplemented],
          // INTERNAL is what gRPC asks for.
          ["no protobuf", [envelope(Buffer.of(255, 255, 255))], Code.Internal],
          ["compressed with nothing", [envelope(text, envelopeFlag.compressed)], Code.Internal],
        ];
        for (const protocol of protocols) {
          for (const [name, pieces, code] of cases) {
            const method = protocol === "connect" ? "ServerStream" : "Unary";
            const outcome = await exchange({ protocol, method, pieces });
            assert.equal(outcome.code, code, `${protocol}: ${name}`);
          }
        }
      });
    });
  });
}
