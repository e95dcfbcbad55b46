import assert from "node:assert/strict";
import { once } from "node:events";
import { suite, test } from "node:test";
import { startEchoServer } from "../testing/echo-server.ts";
import { openBareTunnel, openTunnel, type RawTunnel } from "../testing/raw-tunnel.ts";
import { windowBytes } from "../tunnel/tunnel-frames.ts";

/** What a client does wrong, and how its socket is closed. */
const faults: [name: string, code: number, reason: RegExp, act: (call: RawTunnel) => void][] = [
  ["a first frame that is no JSON", 1002, /JSON object/, ({ socket }) => socket.send("hello")],
  ["one that is an array", 1002, /JSON object/, ({ socket }) => socket.send("[]")],
  ["one without headers", 1002, /"headers"/, ({ socket }) => socket.send('{"window":1}')],
  ["one that is binary", 1002, /without a request/, ({ socket }) => socket.send(Buffer.of(1))],
  ["a header's name", 1002, /no place/, (call) => call.request({ "a b": "c" })],
  ["a pseudo-header", 1002, /no place/, (call) => call.request({ ":path": "/" })],
  ["a header's value", 1002, /no place/, (call) => call.request({ a: "b\r\nc: d" })],
  ["a value that is no string", 1002, /no place/, (call) => call.request({ a: { b: 1 } })],
  [
    "too many headers",
    1002,
    /more than 128/,
    (call) =>
      call.request(Object.fromEntries(Array.from({ length: 129 }, (_, i) => [`h${i}`, ""]))),
  ],
  ["large headers", 1009, /16384/, (call) => call.request({ a: "b".repeat(16_384) })],
  [
    "a frame larger than the window",
    1009,
    /^$/,
    (call) => {
      call.request();
      call.socket.send(Buffer.alloc(windowBytes + 1));
    },
  ],
  [
    "more than was granted",
    1002,
    /more than was granted/,
    (call) => {
      call.request();
      call.socket.send(Buffer.alloc(windowBytes));
      call.socket.send(Buffer.of(1));
    },
  ],
  [
    "a grant of what was not sent",
    1002,
    /not sent/,
    (call) => {
      call.request();
      call.grant(1);
    },
  ],
  [
    "a grant that is no number",
    1002,
    /"window"/,
    (call) => {
      call.request();
      call.socket.send('{"window":"1"}');
    },
  ],
  [
    "a second request",
    1002,
    /"window"/,
    (call) => {
      call.request();
      call.request();
    },
  ],
  [
    "a body after its end",
    1002,
    /after its end/,
    (call) => {
      call.request();
      call.end();
      call.end();
    },
  ],
];

suite("a socket is closed for", () => {
  for (const [name, code, reason, act] of faults) {
    test(name, async (t) => {
      const { url } = await startEchoServer(t, {
        handlers: {
          // Reads nothing.
          async *bidiStream(_, { signal }) {
            await once(signal, "abort");
            yield {};
          },
        },
      });
      const call = await openTunnel(t, url, "BidiStream");
      act(call);
      const closed = await call.closed;
      assert.equal(closed.code, code);
      assert.match(closed.reason, reason);
    });
  }
});

test("a fault amid a call cancels it", async (t) => {
  const begun = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const { url } = await startEchoServer(t, {
    handlers: {
      async *bidiStream(_, { signal }) {
        begun.resolve();
        await once(signal, "abort");
        left.resolve();
        yield {};
      },
    },
  });
  const call = await openTunnel(t, url, "BidiStream");
  call.request();
  await begun.promise;
  call.grant(1);
  await left.promise;
  assert.equal((await call.closed).code, 1002);
});

test("a socket that says nothing is closed", async (t) => {
  const { url } = await startEchoServer(t, { limits: { firstFrameTimeoutMs: 20 } });
  const call = await openTunnel(t, url, "Unary");
  assert.deepEqual(await call.closed, { code: 3008, reason: "no request within 20 ms" });
});

test("a client that is gone is found, one that only listens is not", async (t) => {
  const { url, tunnel } = await startEchoServer(t, {
    // The quiet one has this long to answer, on a slow machine too.
    limits: { pingIntervalMs: 40, pingTimeoutMs: 3_000 },
    handlers: {
      async *bidiStream(_, { signal }) {
        await once(signal, "abort");
        yield {};
      },
    },
  });
  const quiet = await openTunnel(t, url, "BidiStream");
  quiet.request();
  const gone = await openTunnel(t, url, "BidiStream", { autoPong: false } as object);
  gone.request();
  assert.equal((await gone.closed).code, 1006);
  await once(quiet.socket, "ping");
  await once(quiet.socket, "ping");
  assert.equal(tunnel?.socketCount, 1);
});

test("garbage in the place of frames closes the connection", async (t) => {
  const { port } = await startEchoServer(t);
  const socket = await openBareTunnel(t, port);
  socket.write("GET / HTTP/1.1\r\n\r\n");
  socket.resume();
  await once(socket, "end");
});
