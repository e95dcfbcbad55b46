import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { suite, type TestContext, test } from "node:test";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import fc from "fast-check";
import { EchoRequestSchema, EchoResponseSchema } from "../gen/testing/v1/echo_pb.ts";
import { type EchoServerOptions, startEchoServer } from "../testing/echo-server.ts";
import { decodeSegments, frame, parseFrames, parseTrailer } from "../testing/grpc-web-frames.ts";
import { type RawAnswer, startRawCall } from "../testing/raw-call.ts";
import { httpVersions } from "../testing/transports.ts";
import { type NodeRequest, translateGrpcWebText } from "./grpc-web-text.ts";

const contentType = "application/grpc-web-text";

for (const httpVersion of httpVersions) {
  suite(`HTTP/${httpVersion}`, () => {
    function start(t: TestContext, url: string, path: string, headers = {}) {
      const all = { "content-type": contentType, ...headers };
      return startRawCall(t, url, { httpVersion, path, headers: all });
    }

    for (const type of [contentType, `${contentType}+proto`, `${contentType}+json`]) {
      test(`a unary call of ${type} is answered in its type`, async (t) => {
        const { url } = await startServer(t);
        const json = type.endsWith("json");
        const payload = json ? Buffer.from('{"text":"é"}') : request("é");
        const body = frame(payload).toString("base64");
        const headers = { "content-type": type, "content-length": String(body.length) };
        const call = start(t, url, "/testing.v1.EchoService/Unary", headers);
        call.body.end(body);
        const answer = await call.answer;
        assert.equal(answer.status, 200);
        assert.equal(answer.headers["content-type"], type);
        const { payloads, trailer } = await readAnswer(answer);
        assert.deepEqual(
          payloads.map((each) => (json ? JSON.parse(each.toString()).text : textOf(each))),
          ["é"],
        );
        assert.equal(trailer["grpc-status"], "0");
      });
    }

    test("a body may be padded within and come in single characters", async (t) => {
      const { url } = await startServer(t);
      const call = start(t, url, "/testing.v1.EchoService/ClientStream");
      const bytes = Buffer.concat(["a", "bc", "def"].map((each) => frame(request(each))));
      const segments = [bytes.subarray(0, 4), bytes.subarray(4, 9), bytes.subarray(9)];
      for (const character of segments.map((each) => each.toString("base64")).join("")) {
        call.body.write(character);
      }
      call.body.end();
      const { payloads } = await readAnswer(await call.answer);
      assert.deepEqual(payloads.map(textOf), ["abcdef"]);
    });

    test("each message of a stream reaches the client before the next is made", async (t) => {
      let makeNext = Promise.withResolvers<void>();
      const { url } = await startServer(t, {
        handlers: {
          async *serverStream() {
            for (const text of ["1", "22", "333", "4444"]) {
              yield { text };
              await makeNext.promise;
              makeNext = Promise.withResolvers();
            }
          },
        },
      });
      const call = start(t, url, "/testing.v1.EchoService/ServerStream");
      call.body.end(frame(request("")).toString("base64"));
      const { body } = await call.answer;
      const texts: string[] = [];
      let received = "";
      for await (const piece of body) {
        received += piece;
        const messages = parseFrames(decodeSegments(received)).filter((each) => !each.isTrailer);
        if (messages.length > texts.length) {
          texts.push(textOf(messages.at(-1)?.payload as Buffer));
          makeNext.resolve();
        }
      }
      assert.deepEqual(texts, ["1", "22", "333", "4444"]);
    });

    test("an error reaches the client with its code, message and metadata", async (t) => {
      const { url } = await startServer(t, {
        handlers: {
          unary() {
            throw new ConnectError("no", Code.PermissionDenied, { "x-reason": "because" });
          },
        },
      });
      const call = start(t, url, "/testing.v1.EchoService/Unary");
      call.body.end(frame(request("")).toString("base64"));
      const { payloads, trailer } = await readAnswer(await call.answer);
      assert.deepEqual(payloads, []);
      assert.equal(trailer["grpc-status"], String(Code.PermissionDenied));
      assert.equal(trailer["grpc-message"], "no");
      assert.equal(trailer["x-reason"], "because");
    });

    for (const bad of ["?", "AAAA\n", "A", "AAAAA==="]) {
      test(`a body that is not base64 is INVALID_ARGUMENT: ${JSON.stringify(bad)}`, async (t) => {
        const { url } = await startServer(t);
        const call = start(t, url, "/testing.v1.EchoService/Unary");
        call.body.end(frame(request("")).toString("base64") + bad);
        const { trailer } = await readAnswer(await call.answer);
        assert.equal(trailer["grpc-status"], String(Code.InvalidArgument));
        assert.equal(trailer["grpc-message"], encodeURI("the body is not valid base64"));
      });
    }

    test("an unknown method is UNIMPLEMENTED", async (t) => {
      const { url } = await startServer(t);
      const call = start(t, url, "/a.B/C");
      call.body.end();
      const { status, headers, isHeadersOnly } = await call.answer;
      assert.equal(status, 200);
      assert.equal(headers["content-type"], contentType);
      assert.equal(headers["grpc-status"], String(Code.Unimplemented));
      assert.equal(isHeadersOnly, httpVersion === "2");
    });

    test("a message over the limit is RESOURCE_EXHAUSTED", async (t) => {
      const { url } = await startServer(t, {
        limits: { readMaxBytes: 1_000 },
      });
      const call = start(t, url, "/grpc.health.v1.Health/Check");
      call.body.end(frame(Buffer.alloc(1_001)).toString("base64"));
      const { trailer } = await readAnswer(await call.answer);
      assert.equal(trailer["grpc-status"], String(Code.ResourceExhausted));
    });

    test("a client that leaves aborts the call", async (t) => {
      const aborted = Promise.withResolvers<void>();
      const { url } = await startServer(t, {
        handlers: {
          async *serverStream(_, { signal }) {
            yield { text: "first" };
            await once(signal, "abort");
            aborted.resolve();
          },
        },
      });
      const call = start(t, url, "/testing.v1.EchoService/ServerStream");
      call.body.end(frame(request("")).toString("base64"));
      const { body } = await call.answer;
      await once(body, "data");
      body.destroy();
      await aborted.promise;
    });

    test("a client that does not read holds the stream up", async (t) => {
      let count = 0;
      const { url } = await startServer(t, {
        handlers: {
          async *serverStream() {
            for (; count < 400; count++) {
              yield { text: "x".repeat(100_000) };
            }
          },
        },
      });
      const call = start(t, url, "/testing.v1.EchoService/ServerStream");
      call.body.end(frame(request("")).toString("base64"));
      const answer = await call.answer;
      await untilConstant(() => count);
      assert.ok(count < 200, `${count} messages were made`);
      const { payloads } = await readAnswer(answer);
      assert.equal(payloads.length, 400);
    });

    test("a handler that does not read holds the upload up", async (t) => {
      const readOn = Promise.withResolvers<void>();
      const { url } = await startServer(t, {
        handlers: {
          async clientStream(requests) {
            let count = 0;
            for await (const _ of requests) {
              count += 1;
              await readOn.promise;
            }
            return { text: String(count) };
          },
        },
      });
      const call = start(t, url, "/testing.v1.EchoService/ClientStream");
      const message = frame(request("x".repeat(100_000))).toString("base64");
      let count = 0;
      const uploaded = pipeline(function* () {
        for (; count < 400; count++) {
          yield message;
        }
      }, call.body);
      await untilConstant(() => count);
      assert.ok(count < 200, `${count} messages were taken`);
      readOn.resolve();
      await uploaded;
      const { payloads } = await readAnswer(await call.answer);
      assert.deepEqual(payloads.map(textOf), ["400"]);
    });

    test("an answer of another type is left alone", async (t) => {
      const { url } = await startServer(t, {
        configure: (app) => {
          app.addContentTypeParser(/^/, (_request, _payload, done) => done(null));
          app.post("/plain", (_, reply) => reply.code(503).send({ reason: "é" }));
        },
      });
      const call = start(t, url, "/plain");
      call.body.end();
      const { status, headers, body } = await call.answer;
      assert.equal(status, 503);
      assert.equal(headers["content-type"], "application/json; charset=utf-8");
      assert.equal(headers["content-length"], "15");
      assert.equal(await text(body), '{"reason":"é"}');
    });

    test("any bytes in any pieces come through in both directions", async (t) => {
      // Without Fastify, and with each form of writeHead(), write() and end().
      const url = await startPlainServer(t, httpVersion, async (request, response) => {
        translateGrpcWebText(request, response);
        response.writeHead(200, { "content-type": "application/grpc-web+proto" });
        for await (const piece of request) {
          response.write(piece);
        }
        response.end("ö", "latin1");
      });
      const pieces = fc.array(fc.uint8Array({ minLength: 1 }), { minLength: 1, maxLength: 5 });
      const property = fc.asyncProperty(pieces, async (pieces) => {
        const call = start(t, url, "/");
        for (const piece of pieces) {
          call.body.write(Buffer.from(piece).toString("base64"));
        }
        call.body.end();
        const { headers, body } = await call.answer;
        assert.equal(headers["content-type"], contentType);
        const expected = Buffer.concat([...pieces, Buffer.from("ö", "latin1")]);
        assert.deepEqual(decodeSegments(await text(body)), expected);
      });
      await fc.assert(property, { numRuns: 30 });
    });
  });
}

test("a request in binary is left alone", async (t) => {
  const { url } = await startServer(t);
  const type = "application/grpc-web+proto";
  const call = startRawCall(t, url, {
    httpVersion: "2",
    path: "/testing.v1.EchoService/Unary",
    headers: { "content-type": type },
  });
  call.body.end(frame(request("binary")));
  const { headers, body } = await call.answer;
  assert.equal(headers["content-type"], type);
  const [message] = parseFrames(await buffer(body));
  assert.equal(message && textOf(message.payload), "binary");
});

test("headers given as an array, and an end without a body, are understood", async (t) => {
  const url = await startPlainServer(t, "1.1", (request, response) => {
    translateGrpcWebText(request, response);
    const headers = ["Content-Type", "application/grpc-web", "Content-Length", "0"];
    (response as unknown as { writeHead(...args: unknown[]): void }).writeHead(
      200,
      "Fine",
      headers,
    );
    response.end(() => {});
  });
  const call = startRawCall(t, url, {
    httpVersion: "1.1",
    path: "/",
    headers: { "content-type": contentType },
  });
  call.body.end();
  const { headers, body } = await call.answer;
  assert.equal(headers["content-type"], contentType);
  assert.equal(headers["content-length"], undefined);
  assert.equal(await text(body), "");
});

function startServer(t: TestContext, options: EchoServerOptions = {}) {
  return startEchoServer(t, options);
}

/** A server of Node's own, whose handler gets messages of one kind or the other. */
async function startPlainServer(
  t: TestContext,
  httpVersion: (typeof httpVersions)[number],
  handler: (request: NodeRequest, response: PlainResponse) => void,
): Promise<string> {
  const server =
    httpVersion === "2" ? createHttp2Server(handler as never) : createServer(handler as never);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

type PlainResponse = Parameters<typeof translateGrpcWebText>[1] & {
  writeHead(status: number, headers: Record<string, string>): unknown;
  write(chunk: Uint8Array): boolean;
  end(...args: [string, "latin1"] | [() => void]): unknown;
};

/** What the answer holds, once it has ended with trailers. */
async function readAnswer({ body }: RawAnswer) {
  const received = await text(body);
  assert.match(received, /^[A-Za-z0-9+/=]*$/);
  const frames = parseFrames(decodeSegments(received));
  const last = frames.pop();
  assert.ok(last?.isTrailer);
  return { payloads: frames.map(({ payload }) => payload), trailer: parseTrailer(last) };
}

/** Resolves when the value has not changed for a good number of the event loop's turns. */
async function untilConstant(value: () => number): Promise<void> {
  let previous = value();
  for (let turns = 0; turns < 500; turns++) {
    await new Promise(setImmediate);
    if (value() !== previous) {
      previous = value();
      turns = 0;
    }
  }
}

function request(text: string): Uint8Array {
  return toBinary(EchoRequestSchema, { $typeName: "testing.v1.EchoRequest", text, repeat: 1 });
}

function textOf(payload: Uint8Array): string {
  return fromBinary(EchoResponseSchema, payload).text;
}
