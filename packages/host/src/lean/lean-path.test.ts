import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { suite, type TestContext, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import {
  type Client,
  Code,
  ConnectError,
  createClient,
  createContextKey,
  createContextValues,
  type Interceptor,
  type ServiceImpl,
} from "@connectrpc/connect";
import { compressionGzip, createGrpcTransport } from "@connectrpc/connect-node";
import { frameMessages } from "../frames/envelope.ts";
import { batchesOf, type FrameSink, isBatchStream, writeFrames } from "../frames/frame-stream.ts";
import { EchoRequestSchema, EchoResponseSchema, EchoService } from "../gen/testing/v1/echo_pb.ts";
import { startEchoServer } from "../testing/echo-server.ts";
import { createTransport, protocols } from "../testing/transports.ts";

type Echo = Partial<ServiceImpl<typeof EchoService>>;

const readMaxBytes = 100_000;

/** One server on which each call takes the lean path if it can, or none does. */
async function startServer(
  t: TestContext,
  lean: boolean,
  handlers: Echo,
  interceptors: Interceptor[] = [],
) {
  const host = await startEchoServer(t, {
    handlers,
    interceptors,
    leanPath: lean,
    limits: { readMaxBytes },
    aliases: { "old.Echo": EchoService.typeName },
  });
  return {
    url: host.url,
    get leanCount() {
      return host.leanPath?.callCount ?? 0;
    },
  };
}

async function* texts(...values: string[]) {
  for (const text of values) {
    yield { text };
  }
}

async function collect(messages: AsyncIterable<{ text: string }>): Promise<string[]> {
  const collected: string[] = [];
  for await (const { text } of messages) {
    collected.push(text);
  }
  return collected;
}

const detail = { desc: DurationSchema, value: { seconds: 7n } };

/** Handlers that show all that a caller may see of a call. */
const handlers: Echo = {
  unary({ text }, context) {
    if (text === "context") {
      context.responseHeader.set("answer", context.requestHeader.get("question") ?? "");
      context.responseTrailer.set("after", "all");
      return { text: `${context.protocolName} ${context.method.name} ${context.requestMethod}` };
    }
    if (text === "refused") {
      throw new ConnectError("no, né", Code.FailedPrecondition, { why: "so" }, [detail]);
    }
    if (text === "broken") {
      throw new TypeError("a bug");
    }
    return { text };
  },
  async *serverStream({ text, repeat }, context) {
    context.responseHeader.set("answer", "header");
    context.responseTrailer.set("after", "trailer");
    for (let index = 0; index < repeat; index++) {
      yield { text: `${text}${index}` };
    }
    if (text === "refused") {
      throw new ConnectError("enough", Code.ResourceExhausted, undefined, [detail]);
    }
  },
  async clientStream(messages) {
    return { text: (await collect(messages)).join("") };
  },
  async *bidiStream(messages) {
    for await (const { text } of messages) {
      yield { text: text.toUpperCase() };
    }
  },
};

async function refusal(promise: Promise<unknown>): Promise<ConnectError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ConnectError);
    return error;
  }
  assert.fail("it was not refused");
}

type Scenario = (client: Client<typeof EchoService>) => Promise<void>;

const scenarios: Record<string, Scenario> = {
  async "all four kinds"(client) {
    assert.equal((await client.unary({ text: "a" })).text, "a");
    assert.equal((await client.unary({})).text, "");
    assert.deepEqual(await collect(client.serverStream({ text: "a", repeat: 3 })), [
      "a0",
      "a1",
      "a2",
    ]);
    assert.deepEqual(await collect(client.serverStream({ text: "a", repeat: 0 })), []);
    assert.equal((await client.clientStream(texts("a", "b", "c"))).text, "abc");
    assert.equal((await client.clientStream(texts())).text, "");
    assert.deepEqual(await collect(client.bidiStream(texts("a", "b"))), ["A", "B"]);
  },
  async "headers and trailers"(client) {
    const seen: Record<string, string | null> = {};
    const headers = { question: "why" };
    const onHeader = (header: Headers) => {
      seen.header = header.get("answer");
    };
    const onTrailer = (trailer: Headers) => {
      seen.trailer = trailer.get("after");
    };
    const { text } = await client.unary({ text: "context" }, { headers, onHeader, onTrailer });
    assert.match(text, /^(connect|grpc|grpc-web) Unary POST$/);
    assert.deepEqual(seen, { header: "why", trailer: "all" });
    await collect(client.serverStream({ repeat: 1 }, { onHeader, onTrailer }));
    assert.deepEqual(seen, { header: "header", trailer: "trailer" });
    await collect(client.serverStream({ repeat: 0 }, { onHeader, onTrailer }));
    assert.deepEqual(seen, { header: "header", trailer: "trailer" });
  },
  async "errors with metadata and details"(client) {
    const refused = await refusal(client.unary({ text: "refused" }));
    assert.deepEqual([refused.code, refused.rawMessage], [Code.FailedPrecondition, "no, né"]);
    assert.equal(refused.metadata.get("why"), "so");
    assert.equal(refused.findDetails(DurationSchema)[0]?.seconds, 7n);
    const broken = await refusal(client.unary({ text: "broken" }));
    assert.deepEqual([broken.code, broken.rawMessage], [Code.Internal, "internal error"]);
    const received: string[] = [];
    const amid = await refusal(
      (async () => {
        for await (const { text } of client.serverStream({ text: "refused", repeat: 2 })) {
          received.push(text);
        }
      })(),
    );
    assert.deepEqual(received, ["refused0", "refused1"]);
    assert.deepEqual([amid.code, amid.rawMessage], [Code.ResourceExhausted, "enough"]);
    assert.equal(amid.findDetails(DurationSchema)[0]?.seconds, 7n);
  },
  async "messages that are too large"(client) {
    const fits = "x".repeat(readMaxBytes - 10);
    assert.equal((await client.unary({ text: fits })).text, fits);
    const large = "x".repeat(readMaxBytes + 1);
    assert.equal((await refusal(client.unary({ text: large }))).code, Code.ResourceExhausted);
    const upload = await refusal(client.clientStream(texts("a", large)));
    assert.equal(upload.code, Code.ResourceExhausted);
    assert.equal((await client.unary({ text: "a" })).text, "a", "the connection goes on");
  },
  async "many messages at once, of all sizes"(client) {
    const sent = Array.from({ length: 500 }, (_, index) => "x".repeat((index * 37) % 3_000));
    assert.equal((await client.clientStream(texts(...sent))).text, sent.join(""));
    assert.deepEqual(
      await collect(client.bidiStream(texts(...sent))),
      sent.map((text) => text.toUpperCase()),
    );
  },
};

for (const lean of [true, false]) {
  suite(lean ? "on the lean path" : "on the stock path", () => {
    for (const protocol of protocols) {
      for (const [name, run] of Object.entries(scenarios)) {
        test(`${protocol}: ${name}`, async (t) => {
          const server = await startServer(t, lean, handlers);
          const transport = createTransport({ protocol, httpVersion: "2", baseUrl: server.url });
          await run(createClient(EchoService, transport));
          assert.equal(server.leanCount > 0, lean);
        });
      }

      test(`${protocol}: deadlines and cancellation reach the handler`, async (t) => {
        const reasons: unknown[] = [];
        const gone = Promise.withResolvers<void>();
        const server = await startServer(t, lean, {
          async *serverStream({ text }, { signal, timeoutMs }) {
            yield { text: String((timeoutMs() ?? 0) > 0) };
            await new Promise<void>((resolve) => {
              signal.addEventListener("abort", () => resolve());
            });
            reasons.push(ConnectError.from(signal.reason).code);
            if (text === "cancel") {
              gone.resolve();
            }
            signal.throwIfAborted();
          },
        });
        const transport = createTransport({ protocol, httpVersion: "2", baseUrl: server.url });
        const client = createClient(EchoService, transport);
        // By header alone, so that it is the server's deadline that passes.
        const headers: Record<string, string> =
          protocol === "connect" ? { "connect-timeout-ms": "2000" } : { "grpc-timeout": "2S" };
        const late = await refusal(collect(client.serverStream({}, { headers })));
        assert.equal(late.code, Code.DeadlineExceeded);
        const leaving = new AbortController();
        const cancelled = await refusal(
          (async () => {
            const options = { signal: leaving.signal, timeoutMs: 100_000 };
            for await (const { text } of client.serverStream({ text: "cancel" }, options)) {
              assert.equal(text, "true");
              leaving.abort();
            }
          })(),
        );
        assert.equal(cancelled.code, Code.Canceled);
        await gone.promise;
        assert.equal(reasons[0], Code.DeadlineExceeded);
      });

      test(`${protocol}: interceptors see requests and change answers`, async (t) => {
        const seen: string[] = [];
        const interceptor: Interceptor = (next) => async (request) => {
          seen.push(`${request.service.typeName}/${request.method.name} ${request.stream}`);
          if (request.header.get("token") !== "right") {
            throw new ConnectError("who are you", Code.Unauthenticated);
          }
          const response = await next(request);
          response.header.set("via", "interceptor");
          return response.stream
            ? { ...response, message: shout(response.message) }
            : { ...response, message: { ...response.message, text: "changed" } };
        };
        async function* shout<T>(messages: AsyncIterable<T>) {
          for await (const message of messages) {
            yield { ...message, text: "changed" };
          }
        }
        const server = await startServer(t, lean, handlers, [interceptor as Interceptor]);
        const transport = createTransport({ protocol, httpVersion: "2", baseUrl: server.url });
        const client = createClient(EchoService, transport);
        assert.equal((await refusal(client.unary({}))).code, Code.Unauthenticated);
        let via: string | null = null;
        const options = {
          headers: { token: "right" },
          onHeader: (header: Headers) => {
            via = header.get("via");
          },
        };
        assert.equal((await client.unary({ text: "a" }, options)).text, "changed");
        assert.equal(via, "interceptor");
        assert.deepEqual(await collect(client.serverStream({ repeat: 2 }, options)), [
          "changed",
          "changed",
        ]);
        assert.deepEqual(seen, [
          "testing.v1.EchoService/Unary false",
          "testing.v1.EchoService/Unary false",
          "testing.v1.EchoService/ServerStream true",
        ]);
      });
    }
  });
}

for (const lean of [true, false]) {
  test(`interceptors may replace context values ${lean ? "on" : "off"} the lean path`, async (t) => {
    const key = createContextKey("default");
    const replace: Interceptor = (next) => (request) =>
      next({ ...request, contextValues: createContextValues().set(key, "replaced") });
    const { url } = await startServer(
      t,
      lean,
      { unary: (_, { values }) => ({ text: values.get(key) }) },
      [replace],
    );
    const client = createClient(EchoService, createGrpcTransport({ baseUrl: url }));
    assert.equal((await client.unary({})).text, "replaced");
  });

  test(`gRPC headers come before an error ${lean ? "on" : "off"} the lean path`, async (t) => {
    const { url } = await startServer(t, lean, handlers);
    const session = connectHttp2(url);
    t.after(() => session.close());
    const stream = session.request({
      ":method": "POST",
      ":path": "/testing.v1.EchoService/ServerStream",
      "content-type": "application/grpc",
    });
    const request = create(EchoRequestSchema, { text: "refused" });
    stream.end(frameMessages([toBinary(EchoRequestSchema, request)]));
    const [[headers], [trailers]] = await Promise.all([
      once(stream, "response"),
      once(stream.resume(), "trailers"),
    ]);
    assert.deepEqual([headers.answer, headers["grpc-status"]], ["header", undefined]);
    assert.deepEqual([trailers.after, trailers["grpc-status"]], ["trailer", "8"]);
  });
}

test("what the lean path does not speak is left to the stock path", async (t) => {
  const server = await startServer(t, true, handlers);
  const gzip = createGrpcTransport({
    baseUrl: server.url,
    sendCompression: compressionGzip,
    compressMinBytes: 0,
  });
  assert.equal((await createClient(EchoService, gzip).unary({ text: "a" })).text, "a");
  const json = createGrpcTransport({ baseUrl: server.url, useBinaryFormat: false });
  assert.equal((await createClient(EchoService, json).unary({ text: "a" })).text, "a");
  assert.equal(server.leanCount, 0);
});

test("a handler writes frames and reads batches, through interceptors that know them", async (t) => {
  const batchSizes: number[] = [];
  const frame = (text: string) =>
    toBinary(EchoResponseSchema, create(EchoResponseSchema, { text }));
  const server = await startServer(t, true, {
    serverStream: () => ({
      async *[Symbol.asyncIterator]() {
        yield { text: "one at a time" };
      },
      [writeFrames](sink: FrameSink) {
        sink.write(frameMessages([frame("a"), frame("b"), frame("c")]), 3);
        sink.source = {
          onDrain: () => sink.fail(new ConnectError("and then", Code.DataLoss)),
          onClose: () => {},
        };
        assert.equal(sink.write(frameMessages([frame("x".repeat(200_000))]), 1), false);
      },
    }),
    async clientStream(messages) {
      assert.ok(isBatchStream(messages));
      for await (const batch of batchesOf(messages)) {
        batchSizes.push(batch.length);
      }
      return { text: "read" };
    },
  } as Echo);
  const client = createClient(EchoService, createGrpcTransport({ baseUrl: server.url }));
  const received: string[] = [];
  const error = await refusal(
    (async () => {
      for await (const { text } of client.serverStream({})) {
        received.push(text.slice(0, 3));
      }
    })(),
  );
  assert.deepEqual(received, ["a", "b", "c", "xxx"]);
  assert.equal(error.code, Code.DataLoss);

  const session = connectHttp2(server.url);
  t.after(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": "/old.Echo/ClientStream",
    "content-type": "application/grpc",
    te: "trailers",
  });
  const message = toBinary(EchoRequestSchema, create(EchoRequestSchema, { text: "hello" }));
  stream.end(frameMessages(Array.from({ length: 50 }, () => message)));
  const [trailers] = await once(stream.resume(), "trailers");
  assert.equal(trailers["grpc-status"], "0");
  assert.deepEqual(batchSizes, [50]);
});
