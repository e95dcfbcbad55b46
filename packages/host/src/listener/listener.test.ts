import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import type { Socket } from "node:net";
import { buffer, text } from "node:stream/consumers";
import { suite, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createCertificate } from "@parley/testing/certificate";
import { needsTools } from "@parley/testing/tools";
import { fastify } from "fastify";
import { EchoService } from "../gen/testing/v1/echo_pb.ts";
import { startEchoServer } from "../testing/echo-server.ts";
import { connectRaw, frameType, frameTypes, preface } from "../testing/raw-http2.ts";
import { createTransport } from "../testing/transports.ts";
import { createListener } from "./listener.ts";

suite("a connection's first bytes", () => {
  test("tell HTTP/2 even when they arrive one by one", async (t) => {
    const { app, port, listener } = await startEchoServer(t);
    const accepted = once(app.server, "connection");
    const client = await connectRaw(port);
    const [socket] = (await accepted) as [Socket];
    for (const byte of preface.subarray(0, 3)) {
      const read = once(socket, "readable");
      client.write(Uint8Array.of(byte));
      await read;
    }
    client.write(preface.subarray(3));
    const [answer] = (await once(client, "data")) as [Buffer];
    assert.equal(frameTypes(answer)[0], frameType.settings);
    assert.equal(listener.sessionCount, 1);
    client.destroy();
  });

  test("tell HTTP/1 even when they arrive one by one", async (t) => {
    const { app, port } = await startEchoServer(t);
    const accepted = once(app.server, "connection");
    const client = await connectRaw(port);
    const [socket] = (await accepted) as [Socket];
    // A method that starts as the HTTP/2 preface does.
    for (const byte of Buffer.from("PR")) {
      const read = once(socket, "readable");
      client.write(Uint8Array.of(byte));
      await read;
    }
    client.write("OPFIND / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert.match(await text(client), /^HTTP\/1\.1 404 /);
  });

  test("must come in time", async (t) => {
    const { port, listener } = await startEchoServer(t, { limits: { firstByteTimeoutMs: 50 } });
    const silent = await connectRaw(port);
    const undecided = await connectRaw(port);
    undecided.write("PR");
    await Promise.all([once(silent, "close"), once(undecided, "close")]);
    await listener.close({ timeoutMs: 100_000 });
    assert.equal(listener.connectionCount, 0);
  });

  test("must come in time after a TLS handshake", needsTools("openssl"), async (t) => {
    const tls = createCertificate();
    const { port } = await startEchoServer(t, { tls, limits: { firstByteTimeoutMs: 3_000 } });
    const client = connectTls({ port, host: "127.0.0.1", ca: tls.cert, ALPNProtocols: ["h2"] });
    client.on("error", () => {}).resume();
    await once(client, "secureConnect");
    await once(client, "close");
  });

  test("that are garbage get a 400 and the end", async (t) => {
    const { port } = await startEchoServer(t);
    for (const garbage of ["\0\x01\x02\x03", "nonsense\r\n\r\n", "PRx"]) {
      const client = await connectRaw(port);
      client.write(garbage);
      assert.match(await text(client), /^HTTP\/1\.1 400 /);
    }
  });

  test("may be the last", async (t) => {
    const { port } = await startEchoServer(t);
    const ended = await connectRaw(port);
    ended.end("PR").resume();
    await once(ended, "close");
    // HTTP/1 clients may close their side and wait for the answer.
    const halfOpen = await connectRaw(port);
    halfOpen.end("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert.match(await text(halfOpen), /^HTTP\/1\.1 404 /);
    const session = await connectRaw(port);
    session.end(preface).resume();
    await once(session, "close");
  });
});

suite("upgrades", () => {
  const upgradeTo = (protocol: string) =>
    `GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;

  test("go to the server's listeners", async (t) => {
    const { port, app } = await startEchoServer(t, { tunnel: false });
    app.server.on("upgrade", (_request, socket: Socket) => socket.end("taken"));
    const client = await connectRaw(port);
    client.write(upgradeTo("websocket"));
    assert.equal(await text(client), "taken");
  });

  test("behind a request that is not answered end the connection", async (t) => {
    const begun = Promise.withResolvers<void>();
    const { port, app } = await startEchoServer(t, {
      tunnel: false,
      configure: (app) =>
        app.get("/slow", () => {
          begun.resolve();
          return new Promise(() => {});
        }),
    });
    app.server.on("upgrade", () => assert.fail("its answer would stand before the other's"));
    const client = await connectRaw(port);
    client.write("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    await begun.promise;
    client.write(upgradeTo("websocket"));
    assert.equal(await text(client), "");
  });

  test("are requests when nobody takes them", async (t) => {
    const { port, app, listener } = await startEchoServer(t, { tunnel: false });
    for (const protocol of ["websocket", "h2c"]) {
      const client = await connectRaw(port);
      client.write(upgradeTo(protocol));
      const [answer] = await once(client, "data");
      assert.match(String(answer), /^HTTP\/1\.1 404 /);
      client.destroy();
      app.server.on("upgrade", () => assert.fail("h2c is not for the listener"));
    }
    await listener.close({ timeoutMs: 0 });
  });
});

suite("keep-alive", () => {
  const pings = { pingIntervalMs: 20, pingTimeoutMs: 40 };

  test("destroys a session that does not answer", async (t) => {
    const errors: Error[] = [];
    const { port, listener } = await startEchoServer(t, {
      limits: pings,
      onConnectionError: (error) => errors.push(error),
    });
    const client = await connectRaw(port);
    client.write(preface);
    const received = await buffer(client);
    assert.ok(frameTypes(received).includes(frameType.ping));
    assert.equal(listener.sessionCount, 0);
    assert.match(String(errors), /did not answer a PING within 40 ms/);
  });

  test("keeps a quiet session that answers", async (t) => {
    const limits = { ...pings, pingTimeoutMs: 60_000 };
    const { url, listener } = await startEchoServer(t, { limits });
    const client = connectHttp2(url);
    for (let count = 0; count < 5; count++) {
      await once(client, "ping");
    }
    assert.equal(listener.sessionCount, 1);
    assert.equal(await statusOf(client, "/"), 404);
    client.destroy();
  });

  test("can be turned off", async (t) => {
    const { port, listener } = await startEchoServer(t, {
      limits: { pingIntervalMs: 0, closeTimeoutMs: 0 },
    });
    const client = await connectRaw(port);
    client.write(preface);
    await once(client, "data");
    assert.equal(listener.sessionCount, 1);
    client.destroy();
  });
});

for (const leanPath of [true, false]) {
  test(`an answer ends the upload that it came before ${leanPath ? "on" : "off"} the lean path`, async (t) => {
    const { url, listener } = await startEchoServer(t, {
      leanPath,
      handlers: {
        async clientStream(requests) {
          for await (const _request of requests) {
            throw new ConnectError("enough", Code.ResourceExhausted);
          }
          return {};
        },
      },
    });
    const client = connectHttp2(url);
    const stream = client.request({
      ":method": "POST",
      ":path": "/testing.v1.EchoService/ClientStream",
      "content-type": "application/grpc",
    });
    // An empty message, and no end.
    stream.write(Buffer.alloc(5));
    const statuses: unknown[] = [];
    for (const event of ["response", "trailers"]) {
      stream.on(event, (headers) => statuses.push(headers["grpc-status"]));
    }
    stream.resume();
    await once(stream, "close");
    assert.equal(statuses.at(-1), "8");
    assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
    // Nothing is left that a graceful close would wait for.
    await listener.close({ timeoutMs: 100_000 });
  });
}

suite("limits", () => {
  test("HTTP/1 headers must come in time", async (t) => {
    const { port } = await startEchoServer(t, { limits: { headersTimeoutMs: 50 } });
    const client = await connectRaw(port);
    client.write("GET / HTTP/1.1\r\nHost:");
    assert.match(await text(client), /^HTTP\/1\.1 408 /);
  });

  test("a session carries 1,000 streams that are not read", async (t) => {
    const { url } = await startEchoServer(t, {
      handlers: {
        async *serverStream() {
          for (;;) {
            yield { text: "x".repeat(60_000) };
          }
        },
      },
    });
    // A window of nothing: each response waits in its stream's write buffer.
    const client = connectHttp2(url, { settings: { initialWindowSize: 0 } });
    await once(client, "remoteSettings");
    const body = Buffer.from([0, 0, 0, 0, 2, ...Buffer.from("{}")]);
    const open = async () => {
      const stream = client.request({
        ":method": "POST",
        ":path": "/testing.v1.EchoService/ServerStream",
        "content-type": "application/connect+json",
      });
      stream.end(body);
      const [headers] = await once(stream, "response");
      assert.equal(headers[":status"], 200);
    };
    // Not all at once: what counts is the memory in use when a stream begins.
    for (let count = 0; count < 1000; count += 100) {
      await Promise.all(Array.from({ length: 100 }, open));
    }
    client.destroy();
  });

  test("the HTTP/2 settings are those of the options", async (t) => {
    const { url } = await startEchoServer(t, {
      limits: { maxConcurrentStreams: 7, streamWindowBytes: 100_000, sessionWindowBytes: 200_000 },
    });
    const client = connectHttp2(url);
    const [settings] = await once(client, "remoteSettings");
    assert.equal(settings.maxConcurrentStreams, 7);
    assert.equal(settings.initialWindowSize, 100_000);
    await statusOf(client, "/");
    assert.equal(client.state.remoteWindowSize, 200_000);
    client.destroy();
  });
});

suite("errors", () => {
  test("a port in use rejects listen()", async (t) => {
    const { port } = await startEchoServer(t);
    const app = fastify({ http2: true, serverFactory: createListener().serverFactory });
    await assert.rejects(app.listen({ host: "127.0.0.1", port }), { code: "EADDRINUSE" });
    await app.close();
  });

  test("a second server is refused", () => {
    const { serverFactory } = createListener();
    fastify({ http2: true, serverFactory });
    assert.throws(() => fastify({ http2: true, serverFactory }), /one Fastify instance/);
  });

  test("connections that break leave the server as it was", async (t) => {
    const { port, url, app } = await startEchoServer(t);
    for (const bytes of ["", "P", "GET / HTTP/1.1\r\n", preface, preface.subarray(0, 20)]) {
      const accepted = once(app.server, "connection");
      const client = await connectRaw(port);
      const [socket] = (await accepted) as [Socket];
      if (bytes.length > 0) {
        const read = once(socket, "readable");
        client.write(bytes);
        await read;
      }
      const closed = new Promise((resolve) => socket.once("close", resolve));
      client.resetAndDestroy();
      await closed;
    }
    const transport = createTransport({ baseUrl: url, protocol: "grpc", httpVersion: "2" });
    assert.equal((await createClient(EchoService, transport).unary({ text: "a" })).text, "a");
  });

  test("a client that speaks no TLS is told of", needsTools("openssl"), async (t) => {
    const failed = Promise.withResolvers<Error>();
    const { port } = await startEchoServer(t, {
      tls: createCertificate(),
      onConnectionError: failed.resolve,
    });
    const client = await connectRaw(port);
    client.resume();
    client.write("GET / HTTP/1.1\r\n\r\n");
    await once(client, "close");
    assert.ok((await failed.promise) instanceof Error);
  });
});

async function statusOf(session: ClientHttp2Session, path: string) {
  const stream = session.request({ ":path": path });
  const [headers] = await once(stream, "response");
  stream.resume();
  await once(stream, "close");
  return headers[":status"];
}
