import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { EchoRequestSchema } from "../gen/testing/v1/echo_pb.ts";
import { maxMessageBytes } from "../testing/echo-process.ts";
import { envelope, envelopeFlag } from "../testing/envelope.ts";
import { createExchanger, type Exchange } from "../testing/exchange.ts";
import { httpVersions, protocols } from "../testing/transports.ts";
import { underWatch } from "../testing/under-watch.ts";

const mebibyte = 1024 * 1024;
const text = toBinary(EchoRequestSchema, create(EchoRequestSchema, { text: "text ".repeat(99) }));
// A thousandth of that on the wire.
const bomb = gzipSync(Buffer.alloc(4 * maxMessageBytes));

/** A unary call with a compressed message, as its protocol puts it. */
function compressedCall(
  protocol: Exchange["protocol"],
  encoding: string,
  payload: Uint8Array,
): Exchange {
  return protocol === "connect"
    ? { protocol, method: "Unary", headers: { "content-encoding": encoding }, pieces: [payload] }
    : {
        protocol,
        method: "Unary",
        headers: { "grpc-encoding": encoding },
        pieces: [envelope(payload, envelopeFlag.compressed)],
      };
}

for (const httpVersion of httpVersions) {
  suite(`over HTTP/${httpVersion}`, () => {
    test("compressed messages are taken, unknown compression and broken data are not", async (t) => {
      await underWatch(t, {}, async (server) => {
        const exchange = createExchanger(server, server.url, httpVersion);
        const gzipped = gzipSync(text);
        for (const protocol of protocols) {
          const codeOf = async (encoding: string, payload: Uint8Array) =>
            (await exchange(compressedCall(protocol, encoding, payload))).code;
          assert.equal(await codeOf("gzip", gzipped), 0);
          assert.equal(await codeOf("br", brotliCompressSync(text)), 0);
          assert.equal(await codeOf("zip", gzipped), Code.Unimplemented);
          assert.equal(await codeOf("gzip", text), Code.InvalidArgument);
          const cutOff = await codeOf("gzip", gzipped.subarray(0, -9));
          assert.ok(cutOff === Code.InvalidArgument || cutOff === Code.Internal);
        }
        await fc.assert(
          fc.asyncProperty(
            fc.constantFrom(...protocols),
            fc.constantFrom("gzip", "br"),
            fc.uint8Array({ minLength: 1, maxLength: 200 }),
            async (protocol, encoding, garbage) => {
              const { code } = await exchange(compressedCall(protocol, encoding, garbage));
              // Some garbage is brotli, of nothing for example.
              assert.ok([0, Code.InvalidArgument, Code.Internal].includes(code ?? -1), `${code}`);
            },
          ),
          { numRuns: 60 },
        );
      });
    });

    test("what is too large decompressed is refused", async (t) => {
      await underWatch(t, { peakGrowthBytes: 200 * mebibyte }, async (server) => {
        const exchange = createExchanger(server, server.url, httpVersion);
        for (const protocol of protocols) {
          const { code } = await exchange(compressedCall(protocol, "gzip", bomb));
          assert.equal(code, Code.ResourceExhausted, protocol);
        }
      });
    });

    test("many such messages at once take no more memory than a few", async (t) => {
      // Each would grow to 10 MiB before it is refused.
      await underWatch(t, { peakGrowthBytes: 400 * mebibyte }, async (server) => {
        const exchange = createExchanger(server, server.url, httpVersion);
        const outcomes = await Promise.all(
          Array.from({ length: 100 }, () => exchange(compressedCall("grpc", "gzip", bomb))),
        );
        for (const { code } of outcomes) {
          assert.equal(code, Code.ResourceExhausted);
        }
      });
    });
  });
}
