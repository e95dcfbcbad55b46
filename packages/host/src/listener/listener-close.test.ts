import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { text } from "node:stream/consumers";
import { suite, type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { createCertificate } from "@parley/testing/certificate";
import { needsTools } from "@parley/testing/tools";
import { startEchoServer } from "../testing/echo-server.ts";
import { connectRaw, preface } from "../testing/raw-http2.ts";
import { createListener } from "./listener.ts";

// Long enough to fail a test that waits for it.
const longMs = 100_000;

const tools = needsTools("openssl");

suite("close()", () => {
  test("closes what is idle at once", async (t) => {
    const { port, url, listener } = await startEchoServer(t);
    const silent = await connectRaw(port);
    const session = connectHttp2(url);
    await once(session, "remoteSettings");
    const agent = new Agent({ keepAlive: true });
    const response = await getText(`${url}/`, agent);
    assert.equal(response.message.headers.connection, "keep-alive");
    assert.equal(listener.connectionCount, 3);

    const sessionClosed = once(session, "close");
    const silentClosed = once(silent.resume(), "close");
    await listener.close({ timeoutMs: longMs });
    await Promise.all([sessionClosed, silentClosed]);
    assert.equal(listener.connectionCount, 0);
    assert.equal(listener.sessionCount, 0);
    await assert.rejects(getText(`${url}/`), { code: "ECONNREFUSED" });
    agent.destroy();
  });

  test("does not wait for a client that left during its TLS handshake", tools, async (t) => {
    const tls = createCertificate();
    const { port, listener } = await startEchoServer(t, { tls });
    const client = connectTls({ port, host: "127.0.0.1", ca: tls.cert, servername: "localhost" });
    await once(client, "secureConnect");
    // The client is through with the handshake before the server is.
    client.destroy();
    await listener.close({ timeoutMs: longMs });
    assert.equal(listener.connectionCount, 0);
  });

  test("does not wait for a client that leaves a finished answer unread", async (t) => {
    const { url, listener } = await startEchoServer(t);
    const session = connectHttp2(url);
    t.after(() => session.destroy());
    await once(session.request({ ":path": "/" }), "response");
    await listener.close({ timeoutMs: longMs });
    assert.equal(listener.connectionCount, 0);
  });

  test("lets answers be finished", async (t) => {
    const server = await startSlowServer(t);
    const { url, listener, started, release } = server;
    const overHttp1 = getText(`${url}/slow`, new Agent({ keepAlive: true }));
    await started.http1;
    const session = connectHttp2(url);
    const stream = session.request({ ":path": "/slow" });
    await started.http2;
    const goaway = once(session, "goaway");
    const closed = listener.close({ timeoutMs: longMs });
    await goaway;
    release();
    assert.equal(await text(stream), "done");
    assert.equal((await overHttp1).body, "done");
    await closed;
  });

  test("destroys what is stuck when its time is over", async (t) => {
    const { url, listener, started } = await startSlowServer(t);
    const overHttp1 = getText(`${url}/slow`);
    await started.http1;
    const session = connectHttp2(url);
    session.on("error", () => {});
    const stream = session.request({ ":path": "/slow" });
    stream.on("error", () => {});
    await started.http2;
    const streamClosed = once(stream, "close");
    const slowly = listener.close({ timeoutMs: longMs });
    await Promise.all([
      // A later call may be in more of a hurry.
      listener.close({ timeoutMs: 20 }),
      slowly,
      assert.rejects(overHttp1, { code: "ECONNRESET" }),
      streamClosed,
    ]);
    assert.equal(listener.connectionCount, 0);
  });

  test("resolves when there is no server", async () => {
    await createListener().close();
  });
});

suite("Fastify's close()", () => {
  test("closes what is idle", async (t) => {
    const { url, app, listener } = await startEchoServer(t, { limits: { closeTimeoutMs: longMs } });
    const session = connectHttp2(url);
    await once(session, "remoteSettings");
    const agent = new Agent({ keepAlive: true });
    await getText(`${url}/`, agent);
    await app.close();
    assert.equal(listener.connectionCount, 0);
    agent.destroy();
  });

  test("destroys what is stuck", async (t) => {
    const { url, app, started } = await startSlowServer(t, { closeTimeoutMs: 20 });
    const response = getText(`${url}/slow`);
    await started.http1;
    const [result] = await Promise.allSettled([response, app.close()]);
    assert.equal(result.status, "rejected");
  });

  test("destroys all with forceCloseConnections", async (t) => {
    const { url, app, started } = await startSlowServer(t, { closeTimeoutMs: longMs }, true);
    const response = getText(`${url}/slow`);
    await started.http1;
    const [result] = await Promise.allSettled([response, app.close()]);
    assert.equal(result.status, "rejected");
  });

  test("comes after close() without harm", async (t) => {
    const { port, app, listener } = await startEchoServer(t);
    const client = await connectRaw(port);
    client.write(preface);
    await once(client, "data");
    await listener.close({ timeoutMs: 20 });
    await app.close();
  });
});

/** Answers /slow with "done", once released. */
async function startSlowServer(
  t: TestContext,
  limits: { closeTimeoutMs?: number } = {},
  forceCloseConnections = false,
) {
  const started = { "1.1": Promise.withResolvers<void>(), "2.0": Promise.withResolvers<void>() };
  const released = Promise.withResolvers<void>();
  const server = await startEchoServer(t, {
    limits,
    fastify: forceCloseConnections ? { forceCloseConnections } : {},
    configure(app) {
      app.get("/slow", async ({ raw }) => {
        started[raw.httpVersion as "1.1" | "2.0"].resolve();
        await released.promise;
        return "done";
      });
    },
  });
  return {
    ...server,
    started: { http1: started["1.1"].promise, http2: started["2.0"].promise },
    release: () => released.resolve(),
  };
}

async function getText(url: string, agent?: Agent) {
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    get(url, agent ? { agent } : { agent: new Agent() }, resolve).on("error", reject);
  });
  return { message, body: await text(message) };
}
