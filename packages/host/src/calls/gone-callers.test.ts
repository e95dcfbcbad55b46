import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { suite, test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { startEchoServer } from "../testing/echo-server.ts";
import { createEndedCalls } from "../testing/ended-calls.ts";
import { startRawCall } from "../testing/raw-call.ts";
import { echoClient, ways } from "../testing/ways.ts";
import { callKey } from "./call.ts";

const path = "/testing.v1.EchoService/Unary";

for (const httpVersion of ["1.1", "2"] as const) {
  test(`a caller that leaves while a hook waits, over HTTP/${httpVersion}`, async (t) => {
    const calls = createEndedCalls();
    const hooked = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const passed = Promise.withResolvers<void>();
    const { url, port, drain, routing } = await startEchoServer(t, {
      leanPath: false,
      observers: [calls.observer],
      drain: { timeoutMs: 2 ** 40 },
      handlers: { unary: () => assert.fail("nobody asks any more") },
      configure: (app) =>
        app.addHook("onRequest", async ({ raw }) => {
          hooked.resolve();
          await new Promise<void>((resolve) => {
            const { stream } = raw as {
              readonly stream?: { once(event: "close", f: () => void): void };
            };
            (stream ?? raw.socket).once("close", resolve);
          });
          await left.promise;
          setImmediate(passed.resolve);
        }),
    });
    const leave =
      httpVersion === "2"
        ? () => {
            const session = connectHttp2(url);
            const stream = session.request({
              ":method": "POST",
              ":path": path,
              "content-type": "application/json",
            });
            stream.on("error", () => {});
            stream.end("{}");
            return () => session.destroy();
          }
        : () => {
            const socket = connectTcp(port, "127.0.0.1");
            socket.write(
              `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`,
            );
            return () => socket.destroy();
          };
    const go = leave();
    await hooked.promise;
    go();
    left.resolve();
    await passed.promise;
    await drain.run();
    assert.equal(routing.calls.inFlightCount, 0);
    assert.equal(routing.memory.totalBytes, 0);
    for (let count = calls.count; count > 0; count--) {
      assert.equal((await calls.next()).error?.code, Code.Canceled);
    }
  });
}

const enough = new ConnectError("enough", Code.Aborted);

for (const way of ways) {
  suite(`a call that is ended while its handler waits, ${way.name}`, () => {
    test("for room: it is told, and so is its caller", async (t) => {
      const told = Promise.withResolvers<unknown>();
      const server = await startEchoServer(t, {
        leanPath: way.leanPath,
        memory: { maxTotalBytes: 1_000, maxHoldMs: 2 ** 40 },
        handlers: {
          async unary(_, { values }) {
            const call = values.get(callKey);
            setImmediate(() => call?.fail(enough));
            await call?.reserve(2_000)?.catch((error) => {
              told.resolve(error);
              throw error;
            });
            return {};
          },
        },
      });
      const other = server.routing.memory.open({});
      other.resize(900);
      await assert.rejects(echoClient(way, server.url).unary({}), { code: Code.Aborted });
      assert.equal(await told.promise, enough);
      other.release();
      await server.drain.run();
      assert.equal(server.routing.memory.totalBytes, 0);
    });

    test("for what never comes, after it has waited for room", async (t) => {
      const server = await startEchoServer(t, {
        leanPath: way.leanPath,
        memory: { maxTotalBytes: 1_000, maxHoldMs: 2 ** 40 },
        handlers: {
          async unary(_, { values }) {
            const call = values.get(callKey);
            setImmediate(() => other.release());
            await call?.reserve(2_000);
            setImmediate(() => call?.fail(enough));
            return new Promise(() => {});
          },
        },
      });
      const other = server.routing.memory.open({});
      other.resize(900);
      await assert.rejects(echoClient(way, server.url).unary({}), { code: Code.Aborted });
    });

    test("for the next message of its caller", async (t) => {
      const told = Promise.withResolvers<unknown>();
      const { url } = await startEchoServer(t, {
        leanPath: way.leanPath,
        handlers: {
          async clientStream(requests, { values }) {
            try {
              for await (const _ of requests) {
                setImmediate(() => values.get(callKey)?.fail(enough));
              }
            } catch (error) {
              told.resolve(error);
              throw error;
            }
            return {};
          },
        },
      });
      async function* endless() {
        yield {};
        await new Promise(() => {});
      }
      const called = echoClient(way, url).clientStream(endless());
      await assert.rejects(called, { code: Code.Aborted });
      assert.equal(await told.promise, enough);
    });
  });
}

for (const leanPath of [true, false]) {
  test(`cookies stay apart ${leanPath ? "on" : "off"} the lean path`, async (t) => {
    const { url } = await startEchoServer(t, {
      leanPath,
      handlers: {
        unary(_, { responseHeader }) {
          responseHeader.append("set-cookie", "a=1; Path=/");
          responseHeader.append("set-cookie", "b=2; Path=/");
          return {};
        },
      },
    });
    const headers = { "content-type": "application/proto" };
    const call = startRawCall(t, url, { httpVersion: "2", path, headers });
    call.body.end();
    const answer = await call.answer;
    assert.deepEqual(answer.headers["set-cookie"], ["a=1; Path=/", "b=2; Path=/"]);
  });
}
