import assert from "node:assert/strict";
import { once } from "node:events";
import { suite, test } from "node:test";
import { type EchoServerOptions, startEchoServer } from "../testing/echo-server.ts";
import { echoFrame, endOf, openTunnel } from "../testing/raw-tunnel.ts";

for (const leanPath of [true, false]) {
  suite(leanPath ? "on the lean path" : "on the stock path", () => {
    test("a drain refuses calls on open sockets, ends streams, and closes", async (t) => {
      const { url, drain, listener } = await startEchoServer(t, {
        leanPath,
        drain: { timeoutMs: 60_000, streamTimeoutMs: 100 },
        handlers: {
          async *serverStream({ text }, { signal }) {
            yield { text };
            yield await once(signal, "abort").then(() => Promise.reject(signal.reason));
          },
        },
      } satisfies EchoServerOptions);
      const open = await openTunnel(t, url, "ServerStream");
      open.request();
      open.send("m");
      open.end();
      await open.received(echoFrame({ text: "m" }).length);
      const late = await openTunnel(t, url, "ClientStream");
      const silent = await openTunnel(t, url, "ClientStream");

      const drained = drain.run();
      late.request();
      late.send("m");
      const refused = endOf(await late.ended).error;
      assert.equal(refused?.code, "unavailable");
      assert.equal(refused?.message, "the server is draining");
      assert.equal(endOf(await open.ended).error?.code, "unavailable");
      assert.deepEqual(await silent.closed, { code: 1001, reason: "the server goes away" });
      await drained;
      assert.equal((await open.closed).code, 1000);
      assert.equal(listener.connectionCount, 0);
    });

    test("a listener that closes waits for calls, then destroys them", async (t) => {
      const left = Promise.withResolvers<void>();
      const { url, listener } = await startEchoServer(t, {
        leanPath,
        handlers: {
          async *bidiStream(requests, { signal }) {
            signal.addEventListener("abort", () => left.resolve());
            for await (const { text } of requests) {
              yield { text };
            }
          },
        },
      });
      const ending = await openTunnel(t, url, "ClientStream");
      ending.request();
      ending.send("m");
      const endless = await openTunnel(t, url, "BidiStream");
      endless.request();
      endless.send("m");
      await endless.received(1);

      const closed = listener.close({ timeoutMs: 300 });
      ending.end();
      assert.deepEqual(endOf(await ending.ended), {});
      assert.equal((await endless.closed).code, 1006);
      await left.promise;
      await closed;
    });
  });
}
