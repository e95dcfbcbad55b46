import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type EchoImplementation, startEchoServer } from "../testing/echo-server.ts";
import { echoFrame, openTunnel } from "../testing/raw-tunnel.ts";
import { windowBytes } from "./tunnel-frames.ts";

const text = "x".repeat(10_000);
const frameBytes = echoFrame({ text }).length;

/** Streams without an end, and counts what it was asked for. */
function endless(): { readonly handlers: EchoImplementation; readonly made: { count: number } } {
  const made = { count: 0 };
  return {
    made,
    handlers: {
      async *serverStream() {
        for (;;) {
          made.count += 1;
          yield { text };
        }
      },
    },
  };
}

for (const leanPath of [true, false]) {
  suite(leanPath ? "on the lean path" : "on the stock path", () => {
    test("a client that grants nothing is sent a window, and grants exactly what follows", async (t) => {
      const { handlers, made } = endless();
      const { url } = await startEchoServer(t, {
        leanPath,
        handlers,
      });
      const call = await openTunnel(t, url, "ServerStream");
      call.request();
      call.send("m");
      call.end();
      await call.received(windowBytes);
      // Whatever the server would still send comes before its pong.
      await pong(call.socket);
      assert.equal(call.body.length, windowBytes);
      const madeBytes = made.count * frameBytes;
      assert.ok(madeBytes < windowBytes + 200_000, `${madeBytes} bytes were made`);

      call.grant(1);
      await call.received(windowBytes + 1);
      call.grant(99_999);
      await call.received(windowBytes + 100_000);
      await pong(call.socket);
      assert.equal(call.body.length, windowBytes + 100_000);
    });

    test("a handler that does not read lets a window in, one that reads grants more", async (t) => {
      const start = Promise.withResolvers<void>();
      const { url } = await startEchoServer(t, {
        leanPath,
        handlers: {
          async clientStream(requests) {
            await start.promise;
            let count = 0;
            for await (const _ of requests) {
              count += 1;
            }
            return { text: String(count) };
          },
        },
      });
      const call = await openTunnel(t, url, "ClientStream");
      call.request();
      const sent = Math.floor(windowBytes / frameBytes);
      for (let index = 0; index < sent; index++) {
        call.send(text);
      }
      await pong(call.socket);
      // What the stream reads ahead is no more than its buffer.
      assert.ok(call.grantedBytes <= windowBytes / 4 + 65_536, String(call.grantedBytes));
      start.resolve();
      while (call.grantedBytes < windowBytes / 2) {
        await new Promise((resolve) => call.socket.once("message", resolve));
      }
      call.end();
      assert.match((await call.ended).toString("latin1"), new RegExp(String(sent)));
    });

    test("a message larger than the window", async (t) => {
      const { url } = await startEchoServer(t, { leanPath });
      const call = await openTunnel(t, url, "BidiStream");
      call.request();
      const frame = echoFrame({ text: "y".repeat(3 * windowBytes) });
      let sentBytes = 0;
      while (sentBytes < frame.length) {
        const piece = frame.subarray(sentBytes, windowBytes + call.grantedBytes);
        call.socket.send(piece);
        sentBytes += piece.length;
        if (sentBytes < frame.length) {
          await new Promise((resolve) => call.socket.once("message", resolve));
        }
      }
      call.end();
      let receivedBytes = windowBytes;
      while (receivedBytes < frame.length) {
        await call.received(receivedBytes);
        call.grant(windowBytes);
        receivedBytes += windowBytes;
      }
      assert.deepEqual((await call.ended).subarray(0, frame.length), frame);
    });
  });
}

/** Resolves when the server has answered a ping. */
async function pong(socket: import("ws").WebSocket): Promise<void> {
  for (let index = 0; index < 3; index++) {
    const answered = new Promise((resolve) => socket.once("pong", resolve));
    socket.ping();
    await answered;
  }
}
