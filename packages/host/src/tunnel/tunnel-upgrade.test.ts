import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { createCertificate } from "@parley/testing/certificate";
import { needsTools } from "@parley/testing/tools";
import { WebSocket, WebSocketServer } from "ws";
import { startEchoServer } from "../testing/echo-server.ts";
import { openTunnel, refusalOf } from "../testing/raw-tunnel.ts";

suite("a page may open a tunnel", () => {
  const origins = ["https://chat.example.com"];

  test("when its origin is listed, the server's own, or none", async (t) => {
    const { url } = await startEchoServer(t, { cors: { origins } });
    for (const origin of ["https://chat.example.com", url, undefined]) {
      await openTunnel(t, url, "Unary", origin === undefined ? {} : { origin });
    }
  });

  test("not when it is another", async (t) => {
    const { url, tunnel } = await startEchoServer(t, { cors: { origins } });
    for (const origin of [
      "https://evil.example",
      "https://chat.example.com.evil.example",
      "null",
    ]) {
      assert.deepEqual(await refusalOf(t, url, { origin }), {
        status: 403,
        reason: `pages of ${origin} may not call`,
      });
    }
    assert.equal(tunnel?.socketCount, 0);
  });

  test("with its credentials when it is the server's own", async (t) => {
    const cookies: (string | null)[] = [];
    const { url } = await startEchoServer(t, {
      cors: { origins },
      handlers: {
        unary(_, { requestHeader }) {
          cookies.push(requestHeader.get("cookie"));
          return {};
        },
      },
    });
    for (const origin of [url, "https://chat.example.com"]) {
      const call = await openTunnel(t, url, "Unary", { origin, headers: { cookie: "id=1" } });
      call.request({ "content-type": "application/proto" });
      call.end();
      await call.ended;
    }
    assert.deepEqual(cookies, ["id=1", null]);
  });
});

test("a WebSocket of another subprotocol, or none, is refused", async (t) => {
  const { url } = await startEchoServer(t);
  for (const protocols of [[], ["graphql-ws"]]) {
    assert.deepEqual(await refusalOf(t, url, { protocols }), {
      status: 400,
      reason: "a WebSocket must offer the subprotocol parley.tunnel.v1",
    });
  }
});

test("another WebSocket library takes what is not for the tunnel", async (t) => {
  const { app, tunnel, url } = await startEchoServer(t);
  const other = new WebSocketServer({ noServer: true });
  app.server.removeAllListeners("upgrade");
  app.server.on("upgrade", (request, socket, head) => {
    if (!tunnel?.serveUpgrade(request, socket, head)) {
      other.handleUpgrade(request, socket, head, (accepted) => accepted.send("hello"));
    }
  });
  await openTunnel(t, url, "Unary");
  const socket = new WebSocket(url.replace("http", "ws"));
  t.after(() => socket.terminate());
  const greeting = await new Promise((resolve) => socket.once("message", resolve));
  assert.equal(String(greeting), "hello");
});

test("a path without the prefix, and a Host that cannot be", async (t) => {
  const { url } = await startEchoServer(t, { tunnel: { prefix: "/api" } });
  assert.equal((await refusalOf(t, url)).status, 404);
  assert.equal((await refusalOf(t, url, { headers: { host: "a b" } })).status, 400);
});

test("no more sockets than there may be", async (t) => {
  const { url, tunnel } = await startEchoServer(t, { limits: { maxSockets: 1 } });
  const first = await openTunnel(t, url, "Unary");
  assert.equal((await refusalOf(t, url)).status, 503);
  first.socket.close();
  while (tunnel?.socketCount !== 0) {
    await setImmediate();
  }
  await openTunnel(t, url, "Unary");
});

test("over TLS", needsTools("openssl"), async (t) => {
  const certificate = createCertificate();
  const { url } = await startEchoServer(t, {
    tls: certificate,
  });
  const options = { ca: certificate.cert, origin: url };
  const call = await openTunnel(t, url, "ClientStream", options);
  call.request();
  call.send("m");
  call.end();
  assert.ok((await call.ended).length > 0);
  // A page that came in cleartext is of another origin.
  const origin = url.replace("https", "http").replace("127.0.0.1", "example.com");
  assert.equal((await refusalOf(t, url, { ...options, origin })).status, 403);
});
