import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import type { EchoImplementation } from "../testing/echo-server.ts";
import { startEchoServer } from "../testing/echo-server.ts";
import { callOf, echoClient, kindsOf, type Way, ways } from "../testing/ways.ts";
import type { CallEnd } from "./call.ts";

/** What each method of a service is given in place of a handler. */
type AnyHandler = (request: unknown, context: { readonly responseHeader: Headers }) => unknown;

const none = undefined as unknown;
const unwritable = { time: { nanos: 2 ** 40 } };
const streaming = ["serverStream", "bidiStream"];

const faults: Record<string, { readonly kinds?: string[]; readonly run: AnyHandler }> = {
  "throws what is no error": {
    run: () => {
      throw "a bug";
    },
  },
  "returns undefined where messages are to be": { kinds: streaming, run: () => none },
  "returns an object that cannot be iterated": { kinds: streaming, run: () => ({}) },
  "returns an iterator whose next is none": {
    kinds: streaming,
    run: () => ({ [Symbol.asyncIterator]: () => ({}) }),
  },
  "returns an iterator that throws as it begins": {
    kinds: streaming,
    run: () => ({
      [Symbol.asyncIterator]() {
        throw new Error("a bug");
      },
    }),
  },
  "returns an iterator whose return is none that anybody could await": {
    kinds: streaming,
    run: () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => Promise.reject(new Error("a bug")),
        return() {
          throw new Error("another");
        },
      }),
    }),
  },
  "returns what cannot be written": {
    run: () =>
      Object.assign(Promise.resolve(unwritable), {
        async *[Symbol.asyncIterator]() {
          yield unwritable;
        },
      }),
  },
};

for (const name of ["connection", "transfer-encoding", "upgrade", "keep-alive"]) {
  const run: (where: "responseHeader" | "responseTrailer") => AnyHandler =
    (where) => (_request, context) => {
      (context as unknown as Record<string, Headers>)[where]?.set(name, "close");
      return Object.assign(Promise.resolve({ text: "a" }), {
        async *[Symbol.asyncIterator]() {
          yield { text: "a" };
        },
      });
    };
  faults[`sets the header "${name}"`] = { run: run("responseHeader") };
  faults[`sets the trailer "${name}"`] = { run: run("responseTrailer") };
}

for (const way of ways) {
  suite(`a handler that breaks, ${way.name}`, () => {
    for (const [name, { kinds, run }] of Object.entries(faults)) {
      test(name, async (t) => {
        const { client, ends, host } = await startBroken(t, way, run);
        for (const kind of kindsOf(way).filter((one) => kinds?.includes(one) ?? true)) {
          await assert.rejects(callOf(client, kind), { code: Code.Internal }, kind);
        }
        await host.drain.run();
        assert.equal(host.routing.calls.inFlightCount, 0);
        for (const { error } of ends) {
          assert.equal(error?.code, Code.Internal);
        }
        assert.ok(ends.length > 0);
      });
    }

    test("throws an error with metadata that cannot be sent", async (t) => {
      const { client, ends, host } = await startBroken(t, way, () => {
        throw new ConnectError("no", Code.NotFound, { connection: "close", why: "so" });
      });
      for (const kind of kindsOf(way)) {
        await assert.rejects(callOf(client, kind), (error: ConnectError) => {
          assert.equal(error.code, Code.NotFound, kind);
          assert.equal(error.metadata.get("why"), "so");
          return true;
        });
      }
      await host.drain.run();
      assert.equal(ends.length, kindsOf(way).length);
    });
  });
}

/** A server each of whose methods does this, and how its calls have ended. */
async function startBroken(t: TestContext, way: Way, run: AnyHandler) {
  const ends: CallEnd[] = [];
  const unhandled = (reason: unknown) => assert.fail(String(reason));
  process.on("unhandledRejection", unhandled);
  t.after(() => process.off("unhandledRejection", unhandled));
  const host = await startEchoServer(t, {
    leanPath: way.leanPath,
    handlers: {
      unary: run,
      serverStream: run,
      clientStream: run,
      bidiStream: run,
    } as EchoImplementation,
    observers: [() => ({ onEnd: (end) => ends.push(end) })],
    drain: { timeoutMs: 2 ** 40 },
  });
  return { client: echoClient(way, host.url), ends, host };
}
