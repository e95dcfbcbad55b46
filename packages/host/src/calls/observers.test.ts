import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { suite, type TestContext, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { frameMessages } from "../frames/envelope.ts";
import { type FrameSink, writeFrames } from "../frames/frame-stream.ts";
import { EchoResponseSchema, EchoService } from "../gen/testing/v1/echo_pb.ts";
import {
  type EchoImplementation,
  type EchoServerOptions,
  startEchoServer,
} from "../testing/echo-server.ts";
import { createEndedCalls } from "../testing/ended-calls.ts";
import { envelope } from "../testing/envelope.ts";
import { logLines } from "../testing/log-lines.ts";
import { callOf, echoClient, kindsOf, startRawStream, type Way, ways } from "../testing/ways.ts";
import type { CallObserver } from "./call.ts";

const broken = () => {
  throw new Error("an observer broke");
};

const brokenObservers: Record<string, CallObserver> = {
  "as a call begins": broken,
  "as it ends": () => ({ onEnd: broken }),
  "before what it does": () => ({ onEnd() {}, run: broken }),
  "after what it does": () => ({
    onEnd() {},
    run(action) {
      action();
      return broken();
    },
  }),
};

for (const way of ways) {
  suite(`observers, ${way.name}`, () => {
    for (const [when, observer] of Object.entries(brokenObservers)) {
      test(`one that throws ${when} changes nothing, and is told of`, async (t) => {
        const lines: Record<string, unknown>[] = [];
        const calls = createEndedCalls();
        const server = await startEchoServer(t, {
          leanPath: way.leanPath,
          observers: [observer, calls.observer],
          logger: { level: "error", stream: logLines(lines) },
        });
        const client = echoClient(way, server.url);
        for (const kind of kindsOf(way)) {
          assert.deepEqual(await callOf(client, kind), ["a"], kind);
          const { call, error, receivedCount, sentCount } = await calls.next();
          assert.equal(call.path, way.path);
          assert.deepEqual([error, receivedCount, sentCount], [undefined, 1, 1], kind);
          assert.ok(lines.length > 0);
          assert.partialDeepStrictEqual(lines[0], { err: { message: "an observer broke" } });
          lines.length = 0;
        }
        await server.drain.run();
        assert.equal(calls.count, 0);
      });
    }

    test("the handler runs within what they run it in, and its errors pass", async (t) => {
      const storage = new AsyncLocalStorage<string>();
      const seen: (string | undefined)[] = [];
      const see = () => {
        seen.push(storage.getStore());
        throw new ConnectError("no", Code.NotFound);
      };
      const { url } = await startEchoServer(t, {
        leanPath: way.leanPath,
        observers: [() => ({ onEnd() {}, run: (action) => storage.run("within", action) })],
        handlers: {
          unary: see,
          async *serverStream() {
            yield await see();
          },
          clientStream: see,
          async *bidiStream() {
            yield await see();
          },
        },
      });
      const client = echoClient(way, url);
      for (const kind of kindsOf(way)) {
        await assert.rejects(callOf(client, kind), { code: Code.NotFound }, kind);
        assert.deepEqual(seen.splice(0), ["within"], kind);
      }
    });

    test("what a caller gets wrong is logged as info, what the server does as error", async (t) => {
      const { log, client, sendRaw } = await startLogged(t, way, {
        limits: { readMaxBytes: 1_000 },
        handlers: {
          unary({ text }) {
            if (text === "throws") {
              throw new TypeError("a bug");
            }
            if (text === "fails") {
              throw new ConnectError("a bug", Code.Internal);
            }
            if (text === "refuses") {
              throw new ConnectError("no", Code.NotFound);
            }
            return text === "unwritable" ? { time: { nanos: 2 ** 40 } } : { text };
          },
          async *serverStream({ text }) {
            yield text === "unwritable" ? { time: { nanos: 2 ** 40 } } : { text };
          },
        },
      });
      const levels: Record<string, number> = {};
      for (const text of ["fine", "refuses", "throws", "fails", "unwritable", "x".repeat(2_000)]) {
        await callOf(client, "unary", text).catch(() => {});
        levels[text.slice(0, 10)] = await log();
      }
      await callOf(client, "serverStream", "unwritable").catch(() => {});
      levels["unwritable stream"] = await log();
      for (const [name, body] of Object.entries({
        garbage: envelope(Buffer.from([0xff, 0xff])),
        "a lie about its length": envelope(Buffer.alloc(5), 0, 2 ** 31),
        "compressed, says nobody by what": envelope(Buffer.alloc(5), 1),
      })) {
        await sendRaw(body);
        levels[name] = await log();
      }
      const [info, error] = [30, 50];
      assert.deepEqual(levels, {
        fine: info,
        refuses: info,
        throws: error,
        fails: error,
        unwritable: error,
        xxxxxxxxxx: info,
        "unwritable stream": error,
        garbage: info,
        "a lie about its length": info,
        "compressed, says nobody by what": info,
      });
    });

    test("a bug of a gate is logged as an error, its refusal is not", async (t) => {
      const { log, client } = await startLogged(t, way, {
        requestGate({ requestHeader }) {
          throw requestHeader.has("bug")
            ? new TypeError("a bug")
            : new ConnectError("no", Code.PermissionDenied);
        },
      });
      for (const kind of kindsOf(way)) {
        await assert.rejects(callOf(client, kind), { code: Code.PermissionDenied });
        assert.equal(await log(), 30, kind);
        await assert.rejects(callOf(client, kind, "a", { bug: "yes" }), { code: Code.Internal });
        assert.equal(await log(), 50, kind);
      }
    });
  });
}

/** A server, and what takes the level of the next call that it logs. */
async function startLogged(t: TestContext, way: Way, options: EchoServerOptions) {
  const lines: { msg?: string; level?: number }[] = [];
  const calls = createEndedCalls();
  const { url } = await startEchoServer(t, {
    leanPath: way.leanPath,
    logger: { level: "info", stream: logLines(lines as Record<string, unknown>[]) },
    // Called after the log.
    observers: [calls.observer],
    ...options,
  });
  return {
    client: echoClient(way, url),
    sendRaw: (body: Buffer) => startRawStream(t, way, url, body),
    async log() {
      await calls.next();
      const logged = lines.filter(({ msg }) => msg?.startsWith("call"));
      lines.length = 0;
      assert.equal(logged.length, 1);
      return logged[0]?.level ?? 0;
    },
  };
}

test("frames are written within what observers run a handler in", async (t) => {
  const storage = new AsyncLocalStorage<string>();
  const seen: (string | undefined)[] = [];
  const frame = frameMessages([
    toBinary(EchoResponseSchema, create(EchoResponseSchema, { text: "a" })),
  ]);
  const { url, leanPath } = await startEchoServer(t, {
    observers: [() => ({ onEnd() {}, run: (action) => storage.run("within", action) })],
    handlers: {
      serverStream: () => ({
        // biome-ignore lint/correctness/useYield: nobody takes messages one at a time
        async *[Symbol.asyncIterator]() {
          assert.fail("it has frames");
        },
        async [writeFrames](sink: FrameSink) {
          seen.push(storage.getStore());
          await new Promise(setImmediate);
          seen.push(storage.getStore());
          sink.write(frame, 1);
          sink.end();
        },
      }),
    } as EchoImplementation,
  });
  const client = createClient(EchoService, createGrpcTransport({ baseUrl: url }));
  assert.equal((await Array.fromAsync(client.serverStream({}))).length, 1);
  assert.deepEqual(seen, ["within", "within"]);
  assert.equal(leanPath?.callCount, 1);
});
