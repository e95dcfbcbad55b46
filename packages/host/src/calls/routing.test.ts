import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { create, createRegistry, toBinary } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import {
  Code,
  ConnectError,
  type ConnectRouterOptions,
  createClient,
  type HandlerContext,
  type Interceptor,
} from "@connectrpc/connect";
import { EchoRequestSchema, EchoService } from "../gen/testing/v1/echo_pb.ts";
import { createHost } from "../host.ts";
import {
  type EchoImplementation,
  type EchoServerOptions,
  startEchoServer,
} from "../testing/echo-server.ts";
import { createEndedCalls } from "../testing/ended-calls.ts";
import { envelope } from "../testing/envelope.ts";
import { startRawCall } from "../testing/raw-call.ts";
import { openTunnel } from "../testing/raw-tunnel.ts";
import { callOf, echoClient, kindsOf, startRawStream, type Way, ways } from "../testing/ways.ts";

/** An echo server whose service has options of its own, and a client that takes this way. */
async function startServer(
  t: TestContext,
  way: Way,
  serviceOptions: ConnectRouterOptions,
  options: EchoServerOptions = {},
) {
  const calls = createEndedCalls();
  const server = await startEchoServer(t, {
    leanPath: way.leanPath,
    observers: [calls.observer],
    serviceOptions,
    ...options,
  });
  return { ...server, calls, client: echoClient(way, server.url) };
}

function timeoutHeader({ protocol }: Way, milliseconds: string, grpc: string) {
  return protocol === "connect" ? { "connect-timeout-ms": milliseconds } : { "grpc-timeout": grpc };
}

const everyKind = (
  run: (context: HandlerContext) => Promise<string> | string,
): EchoImplementation => ({
  unary: async (_, context) => ({ text: await run(context) }),
  async *serverStream(_, context) {
    yield { text: await run(context) };
  },
  clientStream: async (_, context) => ({ text: await run(context) }),
  async *bidiStream(_, context) {
    yield { text: await run(context) };
  },
});

for (const way of ways) {
  suite(`options of a service, ${way.name}`, () => {
    for (const [whose, place] of [
      ["its own", "serviceOptions"],
      ["the host's", "options"],
    ] as const) {
      test(`${whose} interceptors surround every kind`, async (t) => {
        const seen: string[] = [];
        const interceptor: Interceptor = (next) => (request) => {
          seen.push(request.method.localName);
          if (request.header.get("token") !== "right") {
            throw new ConnectError("who are you", Code.Unauthenticated);
          }
          return next(request);
        };
        const options = { interceptors: [interceptor] };
        const { client } =
          place === "options"
            ? await startServer(t, way, {}, options)
            : await startServer(t, way, options);
        for (const kind of kindsOf(way)) {
          await assert.rejects(callOf(client, kind), { code: Code.Unauthenticated }, kind);
          assert.deepEqual(await callOf(client, kind, "a", { token: "right" }), ["a"], kind);
          assert.deepEqual(seen.splice(0), [kind, kind]);
        }
      });
    }

    test("requestGate runs before the body is read, and its bugs are the server's", async (t) => {
      const gate = (context: HandlerContext) => {
        if (context.requestHeader.get("content-type")?.includes("broken")) {
          throw new TypeError("a bug");
        }
        throw new ConnectError("no", Code.PermissionDenied);
      };
      const { url, calls } = await startServer(t, way, { requestGate: gate });
      await startRawStream(t, way, url);
      const { error, receivedCount } = await calls.next();
      assert.equal(error?.code, Code.PermissionDenied);
      assert.equal(receivedCount, 0);
    });

    test("a caller whose timeout is none is refused by the gate first", async (t) => {
      const gate = async () => {
        throw new ConnectError("no", Code.PermissionDenied);
      };
      const { client } = await startServer(t, way, { requestGate: gate });
      const headers = timeoutHeader(way, "soon", "soon");
      await assert.rejects(callOf(client, "unary", "a", headers), { code: Code.PermissionDenied });
    });

    test("a gate that waits does not keep a call whose deadline passes", async (t) => {
      const { client } = await startServer(t, way, { requestGate: () => new Promise(() => {}) });
      const headers = timeoutHeader(way, "50", "50m");
      for (const kind of kindsOf(way)) {
        await assert.rejects(callOf(client, kind, "a", headers), { code: Code.DeadlineExceeded });
      }
    });

    test("readMaxBytes and writeMaxBytes", async (t) => {
      const limits = { readMaxBytes: 100, writeMaxBytes: 50 };
      const { client, calls } = await startServer(t, way, limits);
      for (const kind of kindsOf(way)) {
        assert.deepEqual(await callOf(client, kind, "x".repeat(30)), ["x".repeat(30)]);
        assert.equal((await calls.next()).error, undefined);
        for (const size of [70, 200]) {
          const called = callOf(client, kind, "x".repeat(size));
          await assert.rejects(called, { code: Code.ResourceExhausted }, `${kind} of ${size}`);
          assert.equal((await calls.next()).error?.code, Code.ResourceExhausted);
        }
      }
    });

    test("maxTimeoutMs; a timeout beyond what timers take is as good as any", async (t) => {
      const handlers = everyKind(({ timeoutMs }) => String((timeoutMs() ?? 0) > 2_000_000_000));
      const { client } = await startServer(t, way, {}, { handlers });
      const headers = timeoutHeader(way, "9999999999", "99999999H");
      for (const kind of kindsOf(way)) {
        assert.deepEqual(await callOf(client, kind, "a", headers), ["true"], kind);
      }
      const strict = await startServer(t, way, { maxTimeoutMs: 1_000_000 }, { handlers });
      for (const kind of kindsOf(way)) {
        const called = callOf(strict.client, kind, "a", headers);
        await assert.rejects(called, { code: Code.InvalidArgument }, kind);
      }
    });

    test("binaryOptions and jsonOptions", async (t) => {
      const { client } = await startServer(
        t,
        way,
        {
          binaryOptions: { readUnknownFields: false },
          jsonOptions: { registry: createRegistry(DurationSchema), ignoreUnknownFields: true },
        },
        {
          handlers: {
            unary: ({ text, $unknown }) => {
              if (text === "refused") {
                const detail = { desc: DurationSchema, value: { seconds: 7n } };
                throw new ConnectError("no", Code.NotFound, undefined, [detail]);
              }
              return { text: String($unknown?.length ?? 0) };
            },
          },
        },
      );
      const request = create(EchoRequestSchema, { text: "a" });
      request.$unknown = [{ no: 99, wireType: 0, data: Uint8Array.of(1) }];
      assert.equal((await client.unary(request)).text, "0");
      const refusal = await client.unary({ text: "refused" }).catch(ConnectError.from);
      assert.ok(refusal instanceof ConnectError);
      const [detail] = refusal.details;
      const debug = detail && "debug" in detail ? detail.debug : undefined;
      assert.equal(debug, way.protocol === "connect" ? "7s" : undefined);
    });

    for (const protocol of ["grpc", "grpcWeb", "connect"] as const) {
      test(`${protocol}: false`, async (t) => {
        const { client, calls } = await startServer(t, way, { [protocol]: false });
        const isOff = way.protocol === protocol.replace("W", "-w");
        for (const kind of kindsOf(way)) {
          if (isOff) {
            await assert.rejects(callOf(client, kind), kind);
          } else {
            assert.deepEqual(await callOf(client, kind), ["a"], kind);
            await calls.next();
          }
        }
        assert.equal(calls.count, 0);
      });
    }

    for (const whose of ["its own", "the host's"]) {
      test(`${whose} shutdownSignal aborts what its handlers are given`, async (t) => {
        const shutdown = new AbortController();
        const reason = new ConnectError("closing time", Code.Aborted);
        const begun: HandlerContext[] = [];
        let onBegun = () => {};
        const handlers = everyKind(async (context) => {
          begun.push(context);
          onBegun();
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
          assert.equal(context.signal.reason, reason);
          return "done all the same";
        });
        const options = { shutdownSignal: shutdown.signal };
        const { client, calls } =
          whose === "its own"
            ? await startServer(t, way, options, { handlers })
            : await startServer(t, way, {}, { handlers, ...options });
        const kinds = kindsOf(way);
        const allBegun = new Promise<void>((resolve) => {
          onBegun = () => begun.length === kinds.length && resolve();
        });
        const called = kinds.map((kind) => callOf(client, kind));
        await allBegun;
        shutdown.abort(reason);
        for (const texts of await Promise.all(called)) {
          assert.deepEqual(texts, ["done all the same"]);
          assert.equal((await calls.next()).error, undefined);
        }
      });
    }

    test("validate: messages before a bad one in the same chunk are handled first", async (t) => {
      const received: string[] = [];
      const { url, calls } = await startServer(
        t,
        way,
        {},
        {
          handlers: {
            async clientStream(requests) {
              for await (const { text } of requests) {
                received.push(text);
              }
              return {};
            },
          },
          validate({ input }, message) {
            assert.ok(input === EchoRequestSchema);
            if ((message as { text?: string }).text === "bad") {
              throw new ConnectError("bad", Code.InvalidArgument);
            }
          },
        },
      );
      const frames = ["good", "fine", "bad", "never read"].map((text) =>
        envelope(toBinary(EchoRequestSchema, create(EchoRequestSchema, { text }))),
      );
      await startRawStream(t, way, url, Buffer.concat(frames));
      const { error, receivedCount } = await calls.next();
      assert.equal(error?.code, Code.InvalidArgument);
      assert.deepEqual(received, ["good", "fine"]);
      assert.ok(receivedCount >= 3);
      const tooLarge = [frames[0] as Buffer, envelope(Buffer.alloc(0), 0, 2 ** 31)];
      await startRawStream(t, way, url, Buffer.concat(tooLarge));
      assert.equal((await calls.next()).error?.code, Code.ResourceExhausted);
      if (way.path === "lean") {
        // Connect's own reader says so first.
        assert.deepEqual(received, ["good", "fine", "good"]);
      }
    });

    test("validate: every kind", async (t) => {
      const { client } = await startServer(
        t,
        way,
        {},
        {
          validate() {
            throw new ConnectError("bad", Code.OutOfRange);
          },
        },
      );
      for (const kind of kindsOf(way)) {
        await assert.rejects(callOf(client, kind), { code: Code.OutOfRange }, kind);
      }
    });
  });
}

for (const leanPath of [true, false]) {
  test(`requireConnectProtocolHeader ${leanPath ? "on" : "off"} the lean path`, async (t) => {
    const { url } = await startEchoServer(t, {
      leanPath,
      serviceOptions: { requireConnectProtocolHeader: true },
    });
    const headers = { "content-type": "application/proto" };
    for (const [version, status] of [
      [{}, 400],
      [{ "connect-protocol-version": "1" }, 200],
    ] as const) {
      for (const httpVersion of ["1.1", "2"] as const) {
        const path = "/testing.v1.EchoService/Unary";
        const all = { ...headers, ...version };
        const call = startRawCall(t, url, { httpVersion, path, headers: all });
        call.body.end();
        assert.equal((await call.answer).status, status);
      }
      const tunnel = await openTunnel(t, url, "Unary");
      tunnel.request({ ...headers, ...version });
      tunnel.end();
      assert.equal((await tunnel.response).status, status);
    }
  });
}

test("single methods have options too, and win over the host's", async (t) => {
  const { url } = await startEchoServer(t, {
    handlers: {},
    readMaxBytes: 10,
    routes(router) {
      router.rpc(EchoService.method.unary, ({ text }) => ({ text }), { readMaxBytes: 1_000 });
    },
    service: false,
  });
  for (const way of ways.filter(({ leanPath }) => leanPath)) {
    const client = createClient(EchoService, way.transport(url));
    assert.equal((await client.unary({ text: "x".repeat(100) })).text.length, 100);
    await assert.rejects(client.unary({ text: "x".repeat(2_000) }), {
      code: Code.ResourceExhausted,
    });
  }
});

test("an option of a service that not every path knows is refused", () => {
  for (const options of [{ contextValues: () => {} }, { readMaxByte: 5 }]) {
    assert.throws(
      () =>
        createHost({
          logger: false,
          routes: (router) => router.service(EchoService, {}, options as ConnectRouterOptions),
        }),
      TypeError,
    );
  }
});
