import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { startEchoServer } from "../testing/echo-server.ts";
import { startRawCall } from "../testing/raw-call.ts";
import { openTunnel } from "../testing/raw-tunnel.ts";

const noCalls: Record<string, { readonly headers: Record<string, string>; readonly body: string }> =
  {
    "JSON that is none": { headers: { "content-type": "application/json" }, body: "{" },
    "a message that is too large": {
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ text: "x".repeat(200) }),
    },
    "a content type that no protocol has": {
      headers: { "content-type": "application/xml" },
      body: "<a/>",
    },
    "a message that is none": { headers: { "content-type": "application/proto" }, body: "\xff" },
    "a compression that nobody knows": {
      headers: { "content-type": "application/proto", "content-encoding": "none-such" },
      body: "",
    },
    "an envelope that is none": {
      headers: { "content-type": "application/grpc" },
      body: "\xff\xff\xff\xff\xff",
    },
  };

for (const leanPath of [true, false]) {
  suite(`nothing is left to drain ${leanPath ? "on" : "off"} the lean path of`, () => {
    const path = "/testing.v1.EchoService/Unary";

    for (const [name, { headers, body }] of Object.entries(noCalls)) {
      test(name, async (t) => {
        const { url, drain, routing } = await startServer(t, leanPath);
        for (const httpVersion of ["1.1", "2"] as const) {
          const call = startRawCall(t, url, { httpVersion, path, headers });
          call.body.end(body, "latin1");
          (await call.answer).body.resume();
        }
        const tunnel = await openTunnel(t, url, "Unary");
        tunnel.request(headers);
        if (body !== "") {
          tunnel.socket.send(Buffer.from(body, "latin1"));
        }
        tunnel.end();
        await tunnel.response;
        await drain.run();
        assert.equal(routing.calls.inFlightCount, 0);
      });
    }

    test("a call that is broken off amid its request", async (t) => {
      const { url, drain, routing, begun } = await startServer(t, leanPath);
      const headers = { "content-type": "application/proto", "content-length": "50" };
      for (const httpVersion of ["1.1", "2"] as const) {
        const call = startRawCall(t, url, { httpVersion, path, headers });
        call.body.write("\x0a");
        await begun();
        call.body.destroy();
      }
      const tunnel = await openTunnel(t, url, "Unary");
      tunnel.request({ "content-type": "application/proto" });
      tunnel.socket.send(Buffer.of(0x0a));
      await begun();
      tunnel.socket.terminate();
      await drain.run();
      assert.equal(routing.calls.inFlightCount, 0);
    });
  });
}

/** A server whose drain takes ages if it waits for anything; `begun` waits for the next call. */
async function startServer(t: TestContext, leanPath: boolean) {
  let begunCount = 0;
  let wake = () => {};
  const server = await startEchoServer(t, {
    leanPath,
    limits: { readMaxBytes: 100 },
    drain: { timeoutMs: 2 ** 40 },
    observers: [
      () => {
        begunCount += 1;
        wake();
        return undefined;
      },
    ],
  });
  return {
    ...server,
    async begun() {
      while (begunCount === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      begunCount -= 1;
    },
  };
}
