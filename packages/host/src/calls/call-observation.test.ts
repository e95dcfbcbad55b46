import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { context, propagation, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-node";
import { Registry } from "prom-client";
import { EchoService } from "../gen/testing/v1/echo_pb.ts";
import { type EchoImplementation, startEchoServer } from "../testing/echo-server.ts";
import { logLines } from "../testing/log-lines.ts";
import { createTransport, httpVersions, protocols } from "../testing/transports.ts";
import type { Call, CallEnd } from "./call.ts";

type Observation = Pick<Call, "service" | "method" | "kind" | "protocol" | "path"> & CallEnd;

/** Observed calls in the order in which they end; `next` waits for one. */
function createObservations() {
  const ended: Observation[] = [];
  let wake = () => {};
  return {
    observer: ({ service, method, kind, protocol, path }: Call) => ({
      onEnd(end: CallEnd) {
        ended.push({ service, method, kind, protocol, path, ...end });
        wake();
      },
    }),
    async next(): Promise<Observation> {
      while (ended.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return ended.shift() as Observation;
    },
    get count() {
      return ended.length;
    },
  };
}

async function* texts(...values: string[]) {
  for (const text of values) {
    yield { text };
  }
}

async function observedServer(t: TestContext, leanPath: boolean, handlers?: EchoImplementation) {
  const observations = createObservations();
  const server = await startEchoServer(t, {
    leanPath,
    observers: [observations.observer],
    ...(handlers && { handlers }),
  });
  const client = createClient(
    EchoService,
    createTransport({ protocol: "grpc", httpVersion: "2", baseUrl: server.url }),
  );
  return { ...server, client, observations };
}

for (const leanPath of [true, false]) {
  suite(`an observer is told of every call once ${leanPath ? "on" : "off"} the lean path`, () => {
    for (const protocol of protocols) {
      for (const httpVersion of httpVersions) {
        if (protocol === "grpc" && httpVersion === "1.1") {
          continue;
        }
        test(`${protocol} over HTTP/${httpVersion}`, async (t) => {
          const { url, observations } = await observedServer(t, leanPath);
          const transport = createTransport({ protocol, httpVersion, baseUrl: url });
          const client = createClient(EchoService, transport);
          await client.unary({ text: "a" });
          const unary = await observations.next();
          assert.equal(unary.service, EchoService.typeName);
          assert.deepEqual(
            [unary.method, unary.kind, unary.protocol],
            ["Unary", "unary", protocol],
          );
          assert.deepEqual([unary.error, unary.receivedCount, unary.sentCount], [undefined, 1, 1]);
          assert.ok(unary.durationMs > 0);

          await Array.fromAsync(client.serverStream({ text: "a", repeat: 3 }));
          const serverStream = await observations.next();
          assert.equal(serverStream.kind, "server_streaming");
          assert.deepEqual([serverStream.receivedCount, serverStream.sentCount], [1, 3]);

          await client.clientStream(texts("a", "b"));
          const clientStream = await observations.next();
          assert.equal(clientStream.kind, "client_streaming");
          assert.deepEqual([clientStream.receivedCount, clientStream.sentCount], [2, 1]);

          if (httpVersion === "2") {
            await Array.fromAsync(client.bidiStream(texts("a", "b")));
            const bidiStream = await observations.next();
            assert.equal(bidiStream.kind, "bidi_streaming");
            assert.deepEqual([bidiStream.receivedCount, bidiStream.sentCount], [2, 2]);
          }
          assert.equal(observations.count, 0);
        });
      }
    }

    test("with the error that its caller saw", async (t) => {
      const refuse = () => {
        throw new ConnectError("no", Code.PermissionDenied);
      };
      const { client, observations } = await observedServer(t, leanPath, {
        unary: refuse,
        async *serverStream() {
          yield { text: "a" };
          throw new TypeError("broken");
        },
      });
      await assert.rejects(client.unary({ text: "a" }));
      assert.equal((await observations.next()).error?.code, Code.PermissionDenied);
      await assert.rejects(Array.fromAsync(client.serverStream({ text: "a", repeat: 1 })));
      const broken = await observations.next();
      assert.deepEqual([broken.error?.code, broken.sentCount], [Code.Internal, 1]);
      assert.ok(broken.error?.cause instanceof TypeError);
    });

    test("as cancelled when its caller goes away, as late when its deadline passes", async (t) => {
      const waiting: EchoImplementation = {
        async *serverStream(_, { signal }) {
          yield { text: "a" };
          await new Promise((_resolve, reject) => {
            signal.addEventListener("abort", () => reject(signal.reason));
          });
        },
      };
      const { client, observations } = await observedServer(t, leanPath, waiting);
      const leaving = new AbortController();
      const stream = client.serverStream({ text: "a" }, { signal: leaving.signal });
      await assert.rejects(async () => {
        for await (const _ of stream) {
          leaving.abort();
        }
      });
      assert.equal((await observations.next()).error?.code, Code.Canceled);
      // As a header, so that it is the server that ends the call.
      const headers = { "grpc-timeout": "50m" };
      await assert.rejects(Array.fromAsync(client.serverStream({ text: "a" }, { headers })));
      assert.equal((await observations.next()).error?.code, Code.DeadlineExceeded);
    });

    test("as failed when it cannot be decoded, is refused at the gate, or cannot be sent", async (t) => {
      const { url, client, observations } = await observedServer(t, leanPath, {
        unary: () => ({ text: "x".repeat(5_000_000) }),
      });
      await assert.rejects(client.unary({}), { code: Code.ResourceExhausted });
      assert.equal((await observations.next()).error?.code, Code.ResourceExhausted);
      for (const [contentType, code] of [
        ["application/json", Code.InvalidArgument],
        ["application/proto", leanPath ? Code.Internal : Code.InvalidArgument],
      ] as const) {
        const response = await fetch(`${url}/testing.v1.EchoService/Unary`, {
          method: "POST",
          headers: { "content-type": contentType },
          body: "no message",
        });
        assert.equal(response.ok, false, contentType);
        assert.equal((await observations.next()).error?.code !== undefined, true, String(code));
      }
      assert.equal(observations.count, 0);
    });
  });
}

test("calls are logged with what an operator asks for", async (t) => {
  const lines: Record<string, unknown>[] = [];
  const { url } = await startEchoServer(t, {
    handlers: {
      unary: ({ text }) => {
        if (text === "refused") {
          throw new ConnectError("not today", Code.ResourceExhausted);
        }
        if (text === "broken") {
          throw new TypeError("a bug");
        }
        return { text };
      },
    },
    logger: { level: "info", stream: logLines(lines) },
  });
  const transport = createTransport({ protocol: "grpc-web", httpVersion: "1.1", baseUrl: url });
  const client = createClient(EchoService, transport);
  await client.unary({ text: "fine" });
  await assert.rejects(client.unary({ text: "refused" }));
  await assert.rejects(client.unary({ text: "broken" }));
  const [fine, refused, broken] = lines.filter(
    ({ method }) => method === "testing.v1.EchoService/Unary",
  );
  assert.partialDeepStrictEqual(fine, {
    level: 30,
    msg: "call",
    protocol: "grpc-web",
    http: "1.1",
    code: "OK",
    received: 1,
    sent: 1,
  });
  assert.equal(typeof fine?.durationMs, "number");
  assert.match(String(fine?.peer), /^127\.0\.0\.1:\d+$/);
  assert.match(String(fine?.reqId), /^req-/);
  assert.partialDeepStrictEqual(refused, {
    level: 30,
    code: "ResourceExhausted",
    reason: "not today",
  });
  assert.partialDeepStrictEqual(broken, { level: 50, code: "Internal", err: { message: "a bug" } });
});

test("calls are counted for Prometheus", async (t) => {
  const registry = new Registry();
  const { url, callMetrics } = await startEchoServer(t, {
    metrics: { registry },
    handlers: {
      unary: () => {
        throw new ConnectError("no", Code.NotFound);
      },
      async *serverStream() {
        yield* texts("a", "b", "c");
      },
    },
  });
  const client = createClient(
    EchoService,
    createTransport({ protocol: "connect", httpVersion: "2", baseUrl: url }),
  );
  await assert.rejects(client.unary({ text: "a" }));
  await Array.fromAsync(client.serverStream({ text: "a" }));
  const labels = (type: string, method: string) =>
    `grpc_type="${type}",grpc_service="testing.v1.EchoService",grpc_method="${method}"`;
  const unary = labels("unary", "Unary");
  const stream = labels("server_streaming", "ServerStream");
  const text = await registry.metrics();
  for (const line of [
    `grpc_server_started_total{${unary}} 1`,
    `grpc_server_handled_total{${unary},grpc_code="NotFound"} 1`,
    `grpc_server_handled_total{${stream},grpc_code="OK"} 1`,
    `grpc_server_msg_received_total{${stream}} 1`,
    `grpc_server_msg_sent_total{${stream}} 3`,
    `grpc_server_calls_in_flight{${stream}} 0`,
    `grpc_server_handling_seconds_count{${unary}} 1`,
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line} is missing in:\n${text}`);
  }
  assert.ok(!text.includes(`grpc_server_handling_seconds_count{${stream}}`));
  assert.deepEqual(
    Array.from(callMetrics?.counts() ?? [], ({ method, started, ended }) => [
      method,
      started,
      ended,
    ]),
    [
      ["Unary", 1, 1],
      ["ServerStream", 1, 1],
    ],
  );
});

test("calls are traced once an SDK is registered", async (t) => {
  let active: unknown[] = [];
  const { url } = await startEchoServer(t, {
    handlers: {
      unary: ({ text }) => {
        active.push(trace.getActiveSpan()?.spanContext().spanId);
        if (text === "broken") {
          throw new TypeError("a bug");
        }
        return { text };
      },
      async *serverStream() {
        for await (const message of texts("a", "b")) {
          active.push(trace.getActiveSpan()?.spanContext().spanId);
          yield message;
        }
      },
    },
  });
  const client = createClient(
    EchoService,
    createTransport({ protocol: "connect", httpVersion: "2", baseUrl: url }),
  );
  await client.unary({ text: "untraced" });
  assert.deepEqual(active, [undefined]);

  const exporter = new InMemorySpanExporter();
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  t.after(() => {
    trace.disable();
    context.disable();
    propagation.disable();
  });
  active = [];
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
  await client.unary({ text: "fine" }, { headers: { traceparent } });
  await assert.rejects(client.unary({ text: "broken" }));
  await Array.fromAsync(client.serverStream({ text: "a" }));
  const [fine, broken, stream] = exporter.getFinishedSpans();
  assert.equal(fine?.name, "testing.v1.EchoService/Unary");
  assert.equal(fine?.kind, SpanKind.SERVER);
  assert.equal(fine?.spanContext().traceId, traceId);
  assert.equal(fine?.parentSpanContext?.spanId, "b7ad6b7169203331");
  assert.partialDeepStrictEqual(fine?.attributes, {
    "rpc.system": "connect_rpc",
    "rpc.service": "testing.v1.EchoService",
    "rpc.method": "Unary",
    "rpc.response.status_code": "OK",
    "network.peer.address": "127.0.0.1",
  });
  assert.equal(fine?.status.code, SpanStatusCode.UNSET);
  assert.equal(broken?.attributes["rpc.response.status_code"], "Internal");
  assert.equal(broken?.status.code, SpanStatusCode.ERROR);
  const ids = [fine, broken, stream, stream].map((span) => span?.spanContext().spanId);
  assert.deepEqual(active, ids, "handlers run within their span");
});
