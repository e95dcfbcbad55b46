import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { suite, type TestContext, test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Health as HealthService } from "../gen/health/v1/health_pb.ts";
import { EchoService } from "../gen/testing/v1/echo_pb.ts";
import {
  type EchoImplementation,
  type EchoServerOptions,
  startEchoServer,
} from "../testing/echo-server.ts";
import { createTransport, protocols } from "../testing/transports.ts";
import type { Drain } from "./drain.ts";

// Long enough to fail a test that waits for it.
const longMs = 100_000;
const unavailable = { code: Code.Unavailable, rawMessage: "the server is draining" };

const ways = protocols.flatMap((protocol) => [
  { protocol, leanPath: true },
  { protocol, leanPath: false },
]);

for (const way of ways) {
  suite(`${way.protocol}, ${way.leanPath ? "on" : "off"} the lean path`, () => {
    test("a unary call in flight is answered, a new one refused", async (t) => {
      const started = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      const { client, drain, listener, fresh } = await startServer(t, way, {
        timeoutMs: longMs,
        handlers: {
          async unary({ text }) {
            started.resolve();
            await release.promise;
            return { text };
          },
        },
      });
      const answer = client.unary({ text: "a" });
      await started.promise;
      assert.equal(drain.callCount, 1);
      const done = drain.run();
      assert.equal(drain.run(), done);

      await assert.rejects(client.unary({}), unavailable);
      // On a connection of its own, as the port still accepts.
      await assert.rejects(fresh().unary({}), unavailable);
      await assert.rejects(fresh().clientStream(one()), unavailable);
      release.resolve();
      assert.equal((await answer).text, "a");
      await done;
      assert.equal(drain.callCount, 0);
      assert.equal(listener.connectionCount, 0);
    });

    test("a stream that knows the drain sends what it has", async (t) => {
      const { client, drain } = await startServer(t, way, {
        timeoutMs: longMs,
        handlers: (drain) => ({
          async *serverStream() {
            yield { text: "first" };
            await once(drain.signal, "abort");
            yield { text: "last" };
            throw drain.signal.reason;
          },
        }),
      });
      const messages = client.serverStream({})[Symbol.asyncIterator]();
      assert.equal((await messages.next()).value?.text, "first");
      const done = drain.run();
      assert.equal((await messages.next()).value?.text, "last");
      await assert.rejects(messages.next(), unavailable);
      await done;
    });

    test("a stream that does not is ended after its time", async (t) => {
      const aborted = Promise.withResolvers<unknown>();
      const { client, drain } = await startServer(t, way, {
        timeoutMs: longMs,
        streamTimeoutMs: 20,
        handlers: {
          async *serverStream(_request, { signal }) {
            yield { text: "first" };
            signal.addEventListener("abort", () => aborted.resolve(signal.reason));
            await new Promise(() => {});
          },
        },
      });
      const messages = client.serverStream({})[Symbol.asyncIterator]();
      await messages.next();
      const done = drain.run();
      await assert.rejects(messages.next(), unavailable);
      assert.equal(ConnectError.from(await aborted.promise).code, Code.Unavailable);
      await done;
    });

    test("so is an upload that goes on", async (t) => {
      const started = Promise.withResolvers<void>();
      const { client, drain } = await startServer(t, way, {
        timeoutMs: longMs,
        streamTimeoutMs: 20,
        handlers: {
          async clientStream(requests) {
            for await (const _request of requests) {
              started.resolve();
            }
            return {};
          },
        },
      });
      const refused = assert.rejects(client.clientStream(endless()), unavailable);
      await started.promise;
      await Promise.all([drain.run(), refused]);
    });

    test("a unary call is ended when all the time is over", async (t) => {
      const started = Promise.withResolvers<void>();
      const { client, drain } = await startServer(t, way, {
        timeoutMs: 20,
        handlers: {
          unary() {
            started.resolve();
            return new Promise(() => {});
          },
        },
      });
      const refused = assert.rejects(client.unary({}), unavailable);
      await started.promise;
      await Promise.all([drain.run(), refused]);
    });

    test("health says NOT_SERVING until the end", async (t) => {
      const started = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      const { client, drain, healthClient } = await startServer(t, way, {
        timeoutMs: longMs,
        handlers: {
          async unary() {
            started.resolve();
            await release.promise;
            return {};
          },
        },
      });
      const states = healthClient.watch({})[Symbol.asyncIterator]();
      assert.equal((await states.next()).value?.status, 1);
      const answer = client.unary({});
      await started.promise;
      const done = drain.run();
      assert.equal((await states.next()).value?.status, 2);
      assert.equal((await healthClient.check({})).status, 2);
      const late = healthClient.watch({})[Symbol.asyncIterator]();
      assert.equal((await late.next()).value?.status, 2);
      release.resolve();
      await assert.rejects(states.next(), { code: Code.Unavailable });
      await assert.rejects(late.next(), { code: Code.Unavailable });
      await Promise.all([answer, done]);
    });
  });
}

test("a client that never reads does not hold the drain up", async (t) => {
  const { url, drain, listener } = await startServer(
    t,
    { protocol: "connect" },
    {
      timeoutMs: 40,
      handlers: {
        async *serverStream() {
          for (;;) {
            yield { text: "x".repeat(100_000) };
          }
        },
      },
    },
  );
  const session = connectHttp2(url, { settings: { initialWindowSize: 0 } });
  session.on("error", () => {});
  await once(session, "remoteSettings");
  const stream = session.request({
    ":method": "POST",
    ":path": "/testing.v1.EchoService/ServerStream",
    "content-type": "application/connect+json",
  });
  stream.on("error", () => {});
  stream.end(Buffer.from([0, 0, 0, 0, 2, ...Buffer.from("{}")]));
  await once(stream, "response");
  const startMs = performance.now();
  await drain.run();
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs >= 500 && tookMs < longMs, `took ${tookMs} ms`);
  assert.equal(listener.connectionCount, 0);
});

test("a refusal says when to try again", async (t) => {
  const { client, drain } = await startServer(
    t,
    { protocol: "grpc" },
    {
      timeoutMs: longMs,
      retryDelayMs: 2_500,
      handlers: (drain) => ({
        async *serverStream() {
          yield {};
          await once(drain.signal, "abort");
          // Only when the other call was refused.
          await refused;
        },
      }),
    },
  );
  const messages = client.serverStream({})[Symbol.asyncIterator]();
  await messages.next();
  const done = drain.run();
  const refused = client.unary({}).catch((error) => error as ConnectError);
  const [detail] = ((await refused) as ConnectError).details as {
    type: string;
    value: Uint8Array;
  }[];
  assert.equal(detail?.type, "google.rpc.RetryInfo");
  const [tag, length, ...delay] = detail.value;
  assert.deepEqual([tag, length], [0x0a, delay.length]);
  const { seconds, nanos } = fromBinary(DurationSchema, Uint8Array.from(delay));
  assert.deepEqual([seconds, nanos], [2n, 500_000_000]);
  await messages.next();
  await done;
});

test("calls are counted until they are over, however they end", async (t) => {
  const { client, drain } = await startServer(
    t,
    { protocol: "grpc" },
    {
      handlers: {
        unary() {
          throw new ConnectError("no", Code.NotFound);
        },
        async *serverStream({ repeat }, { signal }) {
          yield {};
          if (repeat > 0) {
            throw new ConnectError("no", Code.NotFound);
          }
          await once(signal, "abort");
        },
        async *bidiStream(requests) {
          for await (const _request of requests) {
            yield {};
          }
        },
      },
    },
  );
  await assert.rejects(client.unary({}), { code: Code.NotFound });
  await assert.rejects(collect(client.serverStream({ repeat: 1 })), { code: Code.NotFound });
  await collect(client.bidiStream(one()));
  assert.equal(drain.callCount, 0);

  const abort = new AbortController();
  const messages = client.serverStream({}, { signal: abort.signal })[Symbol.asyncIterator]();
  await messages.next();
  assert.equal(drain.callCount, 1);
  abort.abort();
  await assert.rejects(messages.next(), { code: Code.Canceled });
  // Resolves at once, as there is no call left to wait for.
  await drain.run();
  assert.equal(drain.callCount, 0);
});

interface ServerOptions extends NonNullable<EchoServerOptions["drain"]> {
  handlers?: EchoImplementation | ((drain: Drain) => EchoImplementation);
}

async function startServer(
  t: TestContext,
  { protocol, leanPath = true }: { protocol: (typeof protocols)[number]; leanPath?: boolean },
  { handlers = {}, ...options }: ServerOptions,
) {
  const server = await startEchoServer(t, {
    drain: options,
    leanPath,
    handlers: (host) =>
      typeof handlers === "function"
        ? handlers({
            get signal() {
              return host().drain.signal;
            },
          } as Drain)
        : handlers,
  });
  const transport = () => createTransport({ baseUrl: server.url, protocol, httpVersion: "2" });
  return {
    ...server,
    client: createClient(EchoService, transport()),
    /** A client with a connection of its own. */
    fresh: () => createClient(EchoService, transport()),
    healthClient: createClient(HealthService, transport()),
  };
}

async function* one() {
  yield {};
}

async function* endless() {
  for (;;) {
    yield {};
    await new Promise(setImmediate);
  }
}

async function collect(messages: AsyncIterable<unknown>) {
  for await (const _message of messages) {
    // Only the end is of interest.
  }
}
