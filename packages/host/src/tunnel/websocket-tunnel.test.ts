import assert from "node:assert/strict";
import { once } from "node:events";
import { suite, test } from "node:test";
import { gzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { compressionGzip } from "@connectrpc/connect-node";
import type { CallEnd } from "../calls/call.ts";
import { type FrameStream, writeFrames } from "../frames/frame-stream.ts";
import {
  EchoRequestSchema,
  type EchoResponse,
  EchoResponseSchema,
} from "../gen/testing/v1/echo_pb.ts";
import { startEchoServer } from "../testing/echo-server.ts";
import { envelope, parseEnvelopes } from "../testing/envelope.ts";
import { logLines } from "../testing/log-lines.ts";
import { connectStream, echoFrame, endOf, openTunnel } from "../testing/raw-tunnel.ts";

const texts = (body: Buffer) =>
  parseEnvelopes(body)
    .filter(({ flags }) => flags === 0)
    .map(({ payload }) => fromBinary(EchoResponseSchema, payload).text);

for (const leanPath of [true, false]) {
  const base = { leanPath };
  suite(leanPath ? "on the lean path" : "on the stock path", () => {
    test("a unary call of Connect", async (t) => {
      const { url } = await startEchoServer(t, base);
      const call = await openTunnel(t, url, "Unary");
      call.request({ "content-type": "application/proto" });
      call.socket.send(toBinary(EchoRequestSchema, create(EchoRequestSchema, { text: "grüße" })));
      call.end();
      const { status, headers } = await call.response;
      assert.equal(status, 200);
      assert.equal(headers["content-type"], "application/proto");
      assert.equal(fromBinary(EchoResponseSchema, await call.ended).text, "grüße");
      assert.deepEqual(await call.closed, { code: 1000, reason: "" });
    });

    test("streams of each kind, cut anywhere", async (t) => {
      const { url } = await startEchoServer(t, base);
      const server = await openTunnel(t, url, "ServerStream");
      server.request();
      for (const byte of echoFrame({ text: "m", repeat: 3 })) {
        server.socket.send(Buffer.of(byte));
      }
      server.end();
      assert.deepEqual(texts(await server.ended), ["m", "m", "m"]);

      const client = await openTunnel(t, url, "ClientStream");
      client.request();
      client.socket.send(Buffer.concat([echoFrame({ text: "a" }), echoFrame({ text: "b" })]));
      client.send("c");
      client.end();
      assert.deepEqual(texts(await client.ended), ["abc"]);

      const bidi = await openTunnel(t, url, "BidiStream");
      bidi.request();
      bidi.send("first");
      await bidi.received(echoFrame({ text: "first" }).length);
      bidi.send("second");
      bidi.end();
      assert.deepEqual(texts(await bidi.ended), ["first", "second"]);
      assert.deepEqual(endOf(bidi.body), {});
    });

    test("gRPC-Web, with its trailers in the body", async (t) => {
      const { url } = await startEchoServer(t, base);
      const call = await openTunnel(t, url, "BidiStream");
      call.request({ "content-type": "application/grpc-web+proto" });
      call.send("m");
      call.end();
      const body = await call.ended;
      assert.deepEqual(texts(body), ["m"]);
      const trailers = parseEnvelopes(body).at(-1);
      assert.equal(trailers?.flags, 0x80);
      assert.match(trailers?.payload.toString() ?? "", /grpc-status: 0/);
    });

    test("headers of the frame and of the upgrade request", async (t) => {
      const seen = Promise.withResolvers<Headers>();
      const { url } = await startEchoServer(t, {
        ...base,
        handlers: {
          async *bidiStream(requests, { requestHeader, responseHeader, responseTrailer }) {
            seen.resolve(requestHeader);
            responseHeader.set("x-head", "er");
            responseTrailer.set("x-trail", "er");
            for await (const { text } of requests) {
              yield { text };
            }
          },
        },
      });
      const call = await openTunnel(t, url, "BidiStream", {
        headers: { "x-forwarded-for": "192.0.2.1", "x-proxy": "trusted" },
      });
      call.request({
        ...connectStream,
        "X-One": ["a", "b"],
        "x-forwarded-for": "203.0.113.9",
        "x-proxy": "forged",
        host: "elsewhere",
      });
      call.end();
      const header = await seen.promise;
      assert.equal(header.get("x-one"), "a, b");
      assert.equal(header.get("x-forwarded-for"), "192.0.2.1");
      assert.equal(header.get("x-proxy"), "trusted");
      assert.equal(header.get("host"), new URL(url).host);
      assert.equal(header.get("upgrade"), null);
      assert.equal((await call.response).headers["x-head"], "er");
      assert.deepEqual(endOf(await call.ended), { metadata: { "x-trail": ["er"] } });
    });

    test("a deadline, and a message that is too large", async (t) => {
      const limits = { readMaxBytes: 100 };
      const { url } = await startEchoServer(t, {
        ...base,
        limits,
        handlers: {
          async *serverStream(_, { signal }) {
            yield await once(signal, "abort").then(() => Promise.reject(signal.reason));
          },
        },
      });
      const late = await openTunnel(t, url, "ServerStream");
      late.request({ ...connectStream, "connect-timeout-ms": "20" });
      late.send("m");
      late.end();
      assert.equal(endOf(await late.ended).error?.code, "deadline_exceeded");

      const large = await openTunnel(t, url, "ClientStream");
      large.request();
      large.send("x".repeat(101));
      assert.equal(endOf(await large.ended).error?.code, "resource_exhausted");
      assert.equal((await large.closed).code, 1000, "an answer before the end of the request");
    });

    test("a client that closes its socket cancels the call", async (t) => {
      const aborted = Promise.withResolvers<unknown>();
      const ends = Promise.withResolvers<CallEnd>();
      const { url, tunnel } = await startEchoServer(t, {
        ...base,
        observers: [() => ({ onEnd: ends.resolve })],
        handlers: {
          async *bidiStream(requests, { signal }) {
            signal.addEventListener("abort", () => aborted.resolve(signal.reason));
            for await (const { text } of requests) {
              yield { text };
            }
          },
        },
      });
      const call = await openTunnel(t, url, "BidiStream");
      call.request();
      call.send("m");
      await call.received(1);
      assert.equal(tunnel?.socketCount, 1);
      call.socket.close();
      assert.equal(ConnectError.from(await aborted.promise).code, Code.Canceled);
      assert.equal((await ends.promise).error?.code, Code.Canceled);
      await call.closed;
    });

    test("aliases, a prefix, and what no service has", async (t) => {
      const { url } = await startEchoServer(t, {
        ...base,
        aliases: { "former.Echo": "testing.v1.EchoService" },
        tunnel: { prefix: "/api" },
      });
      for (const service of ["api/testing.v1.EchoService", "api/former.Echo"]) {
        const call = await openTunnel(t, url, "ClientStream", { service });
        call.request();
        call.send("m");
        call.end();
        assert.deepEqual(texts(await call.ended), ["m"]);
      }
      const unknown = await openTunnel(t, url, "Unknown", {
        service: "api/testing.v1.EchoService",
      });
      unknown.request();
      assert.deepEqual(endOf(await unknown.ended).error, {
        code: "unimplemented",
        message: "/testing.v1.EchoService/Unknown is not implemented",
      });
    });
  });
}

test("JSON, and compressed messages", async (t) => {
  const { url } = await startEchoServer(t, {
    acceptCompression: [compressionGzip],
    compressMinBytes: 10_000,
  });
  const json = await openTunnel(t, url, "ServerStream");
  json.request({ "content-type": "application/connect+json" });
  json.socket.send(envelope(Buffer.from('{"text":"m","repeat":2}')));
  json.end();
  const [first] = parseEnvelopes(await json.ended);
  assert.deepEqual(JSON.parse(first?.payload.toString() ?? ""), { text: "m" });

  const zipped = await openTunnel(t, url, "ClientStream");
  zipped.request({ ...connectStream, "connect-content-encoding": "gzip" });
  const message = toBinary(EchoRequestSchema, create(EchoRequestSchema, { text: "m" }));
  zipped.socket.send(envelope(gzipSync(message), 1));
  zipped.end();
  assert.deepEqual(texts(await zipped.ended), ["m"]);
});

test("gRPC is refused with the reason, other content types with 415", async (t) => {
  const { url } = await startEchoServer(t);
  const grpc = await openTunnel(t, url, "Unary");
  grpc.request({ "content-type": "application/grpc+proto" });
  const { headers } = await grpc.response;
  assert.equal(headers["grpc-status"], String(Code.Unimplemented));
  assert.match(headers["grpc-message"] ?? "", /no HTTP trailers/);
  assert.equal((await grpc.ended).length, 0);

  const other = await openTunnel(t, url, "Unary");
  other.request({ "content-type": "text/plain" });
  assert.equal((await other.response).status, 415);
  await other.ended;
});

test("calls are logged with the peer of their socket", async (t) => {
  const lines: Record<string, unknown>[] = [];
  const { url } = await startEchoServer(t, { logger: { stream: logLines(lines) } });
  const call = await openTunnel(t, url, "ClientStream");
  call.request();
  call.send("m");
  call.end();
  await call.closed;
  const line = lines.find(({ msg }) => msg === "call");
  assert.equal(line?.reqId, "tunnel-1");
  assert.equal(line?.method, "testing.v1.EchoService/ClientStream");
  assert.equal(line?.http, "1.1");
  assert.equal(line?.code, "OK");
  assert.match(String(line?.peer), /^127\.0\.0\.1:\d+$/);
});

test("readers share the bytes of frames, which stay as they are", async (t) => {
  const shared = echoFrame({ text: "x".repeat(100_000) });
  const original = Buffer.from(shared);
  let writeCount = 0;
  const { url } = await startEchoServer(t, {
    handlers: {
      serverStream(): FrameStream<EchoResponse> {
        return {
          [writeFrames](sink) {
            writeCount += 1;
            sink.write(shared, 1);
            sink.end();
          },
          async *[Symbol.asyncIterator]() {
            yield* [];
          },
        };
      },
    },
  });
  const bodies = await Promise.all(
    [1, 2, 3].map(async () => {
      const call = await openTunnel(t, url, "ServerStream");
      call.request();
      call.send("m");
      call.end();
      return call.ended;
    }),
  );
  assert.equal(writeCount, 3);
  for (const body of bodies) {
    assert.deepEqual(body.subarray(0, original.length), original);
  }
  assert.deepEqual(shared, original);
});
