import assert from "node:assert/strict";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { suite, type TestContext, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { callKey } from "../calls/call.ts";
import { EchoRequestSchema, EchoService } from "../gen/testing/v1/echo_pb.ts";
import { type EchoServer, startEchoServer } from "../testing/echo-server.ts";
import { createEndedCalls, type EndedCalls } from "../testing/ended-calls.ts";
import { envelope } from "../testing/envelope.ts";
import { openTunnel } from "../testing/raw-tunnel.ts";
import { callOf, echoClient, ways } from "../testing/ways.ts";
import type { CallMemoryOptions } from "./call-memory.ts";

const mebibyte = 1024 * 1024;
const answerBytes = mebibyte / 2;
const large = "x".repeat(answerBytes - 100);
const unaryPath = "/testing.v1.EchoService/Unary";

interface SlowServer extends EchoServer {
  readonly calls: EndedCalls;
  /** Calls that have begun; `whenBegun` resolves when there are so many. */
  whenBegun(count: number): Promise<void>;
  /** Calls for a large answer that have room for it, or did not ask for any. */
  readonly answeringCount: number;
  /** Makes a call for a large answer, on a connection of its own, and takes it. */
  callElsewhere(): Promise<void>;
}

/** A server whose handler has a large answer for whoever asks for one. */
async function startServer(
  t: TestContext,
  memory: CallMemoryOptions,
  { leanPath = true, reserves = true } = {},
): Promise<SlowServer> {
  const calls = createEndedCalls();
  let begunCount = 0;
  let answeringCount = 0;
  let onBegun = () => {};
  const server = await startEchoServer(t, {
    leanPath,
    memory,
    observers: [
      calls.observer,
      () => {
        begunCount += 1;
        onBegun();
        return undefined;
      },
    ],
    handlers: {
      async unary({ text }, { values }) {
        if (text !== "large") {
          return { text };
        }
        if (reserves) {
          await values.get(callKey)?.reserve(answerBytes);
        }
        answeringCount += 1;
        return { text: large };
      },
      async *serverStream({ repeat }) {
        for (let count = 0; count < repeat; count++) {
          answeringCount += 1;
          yield { text: large };
        }
      },
    },
  });
  return {
    ...server,
    calls,
    whenBegun: (count) =>
      new Promise((resolve) => {
        onBegun = () => begunCount >= count && resolve();
        onBegun();
      }),
    get answeringCount() {
      return answeringCount;
    },
    async callElsewhere() {
      const transport = createGrpcTransport({ baseUrl: server.url });
      const { text } = await createClient(EchoService, transport).unary({ text: "large" });
      assert.equal(text, large);
    },
  };
}

/** Resolves when nothing is held, which the end of the test's time bounds. */
async function nothingHeld({ routing }: EchoServer): Promise<void> {
  while (routing.memory.totalBytes > 0) {
    await new Promise(setImmediate);
  }
}

/** A client of HTTP/2 that takes nothing of its answers. */
function openWindowless(t: TestContext, url: string): ClientHttp2Session {
  const session = connectHttp2(url, { settings: { initialWindowSize: 0 } });
  session.on("error", () => {});
  t.after(() => session.destroy());
  return session;
}

const bodies = {
  "application/grpc+proto": envelope(
    toBinary(EchoRequestSchema, create(EchoRequestSchema, { text: "large", repeat: 3 })),
  ),
  "application/json": Buffer.from('{"text":"large"}'),
};

function request(
  session: ClientHttp2Session,
  contentType: keyof typeof bodies,
  path: string = unaryPath,
): void {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": contentType,
  });
  stream.on("error", () => {});
  stream.end(bodies[contentType]);
}

const bounds = { maxConnectionBytes: 8 * answerBytes, maxTotalBytes: 1_000 * answerBytes };

/**
 * Of handlers that do not ask for room, those run at once whose calls have arrived together;
 * so many fit into what is read at a time.
 */
const maxAtOnce = 300;

suite("1,000 calls whose answers nobody takes", () => {
  for (const contentType of ["application/grpc+proto", "application/json"] as const) {
    for (const reserves of [true, false]) {
      const how = reserves ? "reserves room" : "knows of no room";
      test(`${contentType} over HTTP/2, a handler that ${how}`, async (t) => {
        const server = await startServer(t, bounds, { reserves });
        const session = openWindowless(t, server.url);
        for (let count = 0; count < 1_000; count++) {
          request(session, contentType);
        }
        await server.whenBegun(1_000);
        await server.callElsewhere();
        assert.equal((await server.calls.next()).error, undefined);
        const { memory } = server.routing;
        if (reserves) {
          // One of them is that of the call elsewhere.
          assert.ok(server.answeringCount <= 8 + 1, `${server.answeringCount} answers`);
          assert.ok(memory.totalBytes <= bounds.maxConnectionBytes);
        }
        assert.ok(server.answeringCount <= maxAtOnce, `${server.answeringCount} answers`);
        assert.ok(memory.totalBytes > bounds.maxConnectionBytes - answerBytes);
        session.destroy();
        await nothingHeld(server);
        await server.drain.run();
        assert.equal(server.routing.calls.inFlightCount, 0);
      });
    }
  }

  test("streams of large messages over HTTP/2", async (t) => {
    const server = await startServer(t, bounds);
    const session = openWindowless(t, server.url);
    for (let count = 0; count < 1_000; count++) {
      request(session, "application/grpc+proto", "/testing.v1.EchoService/ServerStream");
    }
    await server.whenBegun(1_000);
    await server.callElsewhere();
    assert.ok(server.answeringCount <= maxAtOnce, `${server.answeringCount} answers`);
    session.destroy();
    await nothingHeld(server);
    await server.drain.run();
  });

  test("pipelined over HTTP/1.1", async (t) => {
    const server = await startServer(t, bounds);
    const socket = connectTcp(server.port, "127.0.0.1");
    t.after(() => socket.destroy());
    const body = bodies["application/json"];
    const head = `POST ${unaryPath} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;
    const one = `${head}Content-Length: ${body.length}\r\n\r\n${body}`;
    await new Promise((resolve) => socket.write(one.repeat(900), resolve));
    await server.whenBegun(1);
    await server.callElsewhere();
    assert.ok(server.routing.memory.totalBytes <= 2 * answerBytes);
    // What the system takes for the client is more than nothing.
    assert.ok(server.answeringCount < 200, `${server.answeringCount} answers`);
    socket.destroy();
    await nothingHeld(server);
    await server.drain.run();
    assert.equal(server.routing.calls.inFlightCount, 0);
  });
});

suite("requests that never arrive whole are bounded", () => {
  const partBytes = 128 * 1024;
  const count = 32;
  const part = envelope(Buffer.alloc(partBytes), 0, 4 * mebibyte);

  for (const [name, leanPath, contentType] of [
    ["gRPC on the lean path", true, "application/grpc"],
    ["gRPC on the stock path", false, "application/grpc"],
    ["Connect on the lean path", true, "application/proto"],
    ["Connect on the stock path", false, "application/proto"],
    ["streams on the lean path", true, "application/connect+proto"],
    ["streams on the stock path", false, "application/connect+proto"],
  ] as const) {
    test(`${name}, by connection`, async (t) => {
      const maxConnectionBytes = mebibyte;
      const server = await startServer(t, { maxConnectionBytes }, { leanPath });
      const session = connectHttp2(server.url);
      session.on("error", () => {});
      t.after(() => session.destroy());
      const isStream = contentType === "application/connect+proto";
      const path = isStream ? "/testing.v1.EchoService/ClientStream" : unaryPath;
      for (let index = 0; index < count; index++) {
        const stream = session.request({
          ":method": "POST",
          ":path": path,
          "content-type": contentType,
        });
        stream.on("error", () => {});
        stream.resume().write(part);
      }
      const fitting = Math.floor(maxConnectionBytes / partBytes);
      for (let refused = 0; refused < count - fitting; refused++) {
        assert.equal((await server.calls.next()).error?.code, Code.ResourceExhausted);
      }
      assert.ok(server.routing.memory.totalBytes <= maxConnectionBytes);
      await server.callElsewhere();
      session.destroy();
      await nothingHeld(server);
      await server.drain.run();
    });
  }

  for (const leanPath of [true, false]) {
    test(`over tunnels ${leanPath ? "on" : "off"} the lean path, in all`, async (t) => {
      const maxTotalBytes = mebibyte;
      const server = await startServer(t, { maxTotalBytes, maxHoldMs: 2 ** 40 }, { leanPath });
      const tunnels = await Promise.all(
        Array.from({ length: count }, () => openTunnel(t, server.url, "ClientStream")),
      );
      for (const tunnel of tunnels) {
        tunnel.request();
        tunnel.socket.send(part);
      }
      const fitting = Math.floor(maxTotalBytes / partBytes);
      for (let refused = 0; refused < count - fitting; refused++) {
        assert.equal((await server.calls.next()).error?.code, Code.ResourceExhausted);
      }
      assert.ok(server.routing.memory.totalBytes <= maxTotalBytes);
      const client = createClient(EchoService, createGrpcTransport({ baseUrl: server.url }));
      assert.equal((await client.unary({ text: "small" })).text, "small");
      for (const { socket } of tunnels) {
        socket.terminate();
      }
      await nothingHeld(server);
      await server.drain.run();
    });
  }
});

suite("who holds all there is for long has its connection destroyed", () => {
  const memory = {
    maxConnectionBytes: 2 * answerBytes,
    maxTotalBytes: 4 * answerBytes,
    maxHoldMs: 100,
  };

  type Attacker = (t: TestContext, server: SlowServer) => Promise<{ gone: Promise<unknown> }[]>;

  const attackers: Record<string, Attacker> = {
    async "HTTP/2 sessions"(t, { url }) {
      return [1, 2].map(() => {
        const session = openWindowless(t, url);
        const gone = new Promise((resolve) => session.once("close", resolve));
        request(session, "application/grpc+proto");
        request(session, "application/grpc+proto");
        return { gone };
      });
    },
    async "tunnel sockets"(t, { url }) {
      const tunnels = [1, 2, 3, 4].map(() => openTunnel(t, url, "Unary"));
      return (await Promise.all(tunnels)).map((tunnel) => {
        tunnel.request({ "content-type": "application/json" });
        tunnel.socket.send(bodies["application/json"]);
        tunnel.end();
        return { gone: tunnel.closed };
      });
    },
  };

  for (const [name, attack] of Object.entries(attackers)) {
    test(name, async (t) => {
      const server = await startServer(t, memory);
      const connections = await attack(t, server);
      await server.whenBegun(4);
      while (server.answeringCount < 4) {
        await new Promise(setImmediate);
      }
      await server.callElsewhere();
      await Promise.any(connections.map(({ gone }) => gone));
    });
  }
});

for (const way of ways) {
  test(`what a handler answers whose caller has left is not held: ${way.name}`, async (t) => {
    const calls = createEndedCalls();
    const begun = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    const server = await startEchoServer(t, {
      leanPath: way.leanPath,
      observers: [calls.observer],
      handlers: {
        async unary({ text }, { values }) {
          if (text === "stays") {
            return { text };
          }
          begun.resolve();
          await left.promise;
          await values.get(callKey)?.reserve(answerBytes);
          setImmediate(answered.resolve);
          return { text: large };
        },
      },
    });
    const leaving = new AbortController();
    const client = echoClient(way, server.url);
    const called = client.unary({}, { signal: leaving.signal });
    await begun.promise;
    leaving.abort();
    await assert.rejects(called);
    assert.equal((await calls.next()).error?.code, Code.Canceled);
    left.resolve();
    await answered.promise;
    assert.deepEqual(await callOf(echoClient(way, server.url), "unary", "stays"), ["stays"]);
    await server.drain.run();
    assert.equal(server.routing.memory.totalBytes, 0);
  });
}
