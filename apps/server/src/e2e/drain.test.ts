import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { suite, type TestContext, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createWritableIterable } from "@connectrpc/connect/protocol";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { createChatClient, oldestKept } from "@parley/client";
import {
  ChatService,
  type Message,
  MessageSchema,
  MessageType,
  SubscribeRequestSchema,
} from "@parley/proto/chat/v1";
import { RetryInfoSchema } from "@parley/proto/google/rpc/error_details";
import { freePort } from "@parley/testing/free-port";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { WebSocket } from "ws";
import {
  Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../../../packages/host/src/gen/health/v1/health_pb.ts";
import { openStream } from "../testing/open-stream.ts";
import { envelope } from "../testing/raw-request.ts";

type ChatClient = Client<typeof ChatService>;

const room = "room";
const hello = { room, user: "ada", content: "hello" };

async function startServer(t: TestContext, drainTimeout: string, folder = temporaryFolder(t)) {
  const flags = ["--data", folder, "--port", "0", "--drain-timeout", drainTimeout];
  const server = await startServerProcess(flags);
  t.after(() => server.stop("SIGKILL"));
  const baseUrl = server.url;
  /** What calls the server by a connection of its own. */
  const transport = () => {
    const sessionManager = new Http2SessionManager(baseUrl);
    t.after(() => sessionManager.abort());
    return createGrpcTransport({ baseUrl, sessionManager });
  };
  const chat = () => createClient(ChatService, transport());
  /** Whether the server says of itself that it serves, now and at each change. */
  const watch = () => openStream((options) => createClient(Health, transport()).watch({}, options));
  return { ...server, folder, transport, chat, watch };
}

/** Shows that a call is refused, and that its caller is told when to try again. */
async function assertUnavailable(call: Promise<unknown>, retryAfterSeconds?: bigint) {
  const error = await call.then(
    () => assert.fail("was not refused"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ConnectError, String(error));
  assert.equal(error.code, Code.Unavailable, String(error));
  if (retryAfterSeconds !== undefined) {
    const [detail] = error.findDetails(RetryInfoSchema);
    assert.equal(detail?.retryDelay?.seconds, retryAfterSeconds, String(error));
  }
}

/** An upload that goes on until it is ended. */
function openUpload(client: ChatClient) {
  const messages = createWritableIterable<typeof hello>();
  const response = client.uploadMessages(messages);
  // Whoever waits for it sees the error.
  response.catch(() => {});
  return { send: (message: typeof hello) => messages.write(message), messages, response };
}

async function allContents(client: ChatClient): Promise<string[]> {
  const { messages } = await client.listMessages({ room, pageSize: 1_000 });
  return messages.map(({ content }) => content);
}

test("SIGTERM ends every kind of call as its caller can bear", { timeout: 300_000 }, async (t) => {
  const server = await startServer(t, "6s");
  const client = server.chat();
  using health = server.watch();
  assert.equal((await health.next()).status, Status.SERVING);
  using subscription = openStream((options) => client.subscribeMessages(hello, options));
  await subscription.next();
  using metrics = openStream((options) =>
    client.streamMetrics({ intervalSeconds: 3_600 }, options),
  );
  const firstMetric = metrics.next();
  firstMetric.catch(() => {});
  const joining = createWritableIterable<object>();
  using chat = openStream((options) => client.chat(joining, options));
  void joining.write({ ...hello, type: MessageType.JOIN });
  assert.equal((await chat.next()).id, "echo_");
  assert.equal((await chat.next()).id, "system");
  const [finished, endless] = [openUpload(client), openUpload(client)];
  for (const { send } of [finished, endless]) {
    void send(hello);
    const { content, sequence } = await subscription.next();
    assert.equal(content, "hello");
    assert.equal((await chat.next()).sequence, sequence);
  }

  const exitCode = server.stop("SIGTERM");
  assert.equal((await health.next()).status, Status.NOT_SERVING);
  const startedAtMs = performance.now();
  const checked = await createClient(Health, server.transport()).check({});
  assert.equal(checked.status, Status.NOT_SERVING);
  await Promise.all(
    [subscription.next(), firstMetric, chat.next()].map((next) => assertUnavailable(next, 1n)),
  );
  const { url: baseUrl } = server;
  const callers: Record<string, ChatClient> = {
    "the same connection": client,
    "another connection": server.chat(),
    ...Object.fromEntries(
      (["1.1", "2"] as const).flatMap((httpVersion) => [
        [
          `Connect over HTTP/${httpVersion}`,
          createClient(ChatService, createConnectTransport({ baseUrl, httpVersion })),
        ],
        [
          `gRPC-Web over HTTP/${httpVersion}`,
          createClient(ChatService, createGrpcWebTransport({ baseUrl, httpVersion })),
        ],
      ]),
    ),
  };
  for (const [name, caller] of Object.entries(callers)) {
    t.diagnostic(`new calls by ${name}`);
    await assertUnavailable(caller.sendMessage(hello), 1n);
    await assertUnavailable(caller.listRooms({}), 1n);
    using refused = openStream((options) => caller.subscribeMessages(hello, options));
    await assertUnavailable(refused.next(), 1n);
    await assertUnavailable(openUpload(caller).response, 1n);
  }
  void finished.send({ ...hello, content: "late" });
  finished.messages.close();
  assert.equal((await finished.response).messageCount, 2, "what had begun may end");
  assert.ok(performance.now() - startedAtMs < 3_000, "all that while uploads may go on");
  await assertUnavailable(endless.response, 1n);
  await assertUnavailable(health.next());
  assert.equal(await exitCode, 0);

  const next = await startServer(t, "1s", server.folder);
  assert.deepEqual(await allContents(next.chat()), ["hello", "hello", "late"]);
});

test("a subscription gets all that was committed, then UNAVAILABLE", async (t) => {
  // Far more than it takes: it ends when all is done.
  const server = await startServer(t, "10m");
  const client = server.chat();
  const reader = server.chat().subscribeMessages(hello)[Symbol.asyncIterator]();
  await reader.next();
  const { send, messages, response } = openUpload(client);
  for (let count = 1; count <= 1_500; count++) {
    void send({ ...hello, content: `${count} `.padEnd(10_000, "x") });
  }
  messages.close();
  await response;
  using health = server.watch();
  await health.next();
  const exitCode = server.stop("SIGTERM");
  assert.equal((await health.next()).status, Status.NOT_SERVING);
  for (let count = 1; count <= 1_500; count++) {
    const { value } = await reader.next();
    assert.ok((value as Message).content.startsWith(`${count} x`));
  }
  await assertUnavailable(reader.next(), 1n);
  assert.equal(await exitCode, 0);
});

test("every call in flight is acknowledged and kept, or refused", async (t) => {
  const server = await startServer(t, "10s");
  const clients = Array.from({ length: 4 }, server.chat);
  const acknowledged: string[] = [];
  const refused: string[] = [];
  const enough = Promise.withResolvers<void>();
  const senders = Array.from({ length: 64 }, async (_, sender) => {
    for (let index = 0; ; index++) {
      const content = `${sender} ${index}`;
      try {
        await (clients[sender % 4] as ChatClient).sendMessage({ ...hello, content });
        acknowledged.push(content);
        if (acknowledged.length === 300) {
          enough.resolve();
        }
      } catch (error) {
        await assertUnavailable(Promise.reject(error), 1n);
        refused.push(content);
        return;
      }
    }
  });
  await enough.promise;
  // Keeps the server there until all of them have had their answer.
  const { messages, response, send } = openUpload(server.chat());
  void send(hello);
  using watched = openStream((options) =>
    server.chat().subscribeMessages({ ...hello, after: {} }, options),
  );
  while ((await watched.next()).content !== "hello") {}
  const exitCode = server.stop("SIGTERM");
  await Promise.all(senders);
  messages.close();
  await response;
  assert.equal(await exitCode, 0);
  assert.equal(refused.length, 64);

  const next = await startServer(t, "1s", server.folder);
  const stored = new Set<string>();
  for await (const { content } of createChatClient(next.transport()).history({ room })) {
    stored.add(content);
  }
  assert.deepEqual(stored, new Set([...acknowledged, "hello"]), "kept if and only if acknowledged");
});

suite("clients that do not go along", { concurrency: 2 }, () => {
  const path = (method: string) => `/chat.v1.ChatService/${method}`;
  const message = Buffer.from(toBinary(MessageSchema, create(MessageSchema, hello)));
  const request = create(SubscribeRequestSchema, { ...hello, after: {} });

  async function http2(url: string, method: string, body: Buffer, end: boolean) {
    const session = connectHttp2(url, { settings: { initialWindowSize: 1_000 } });
    session.on("error", () => {});
    const type = method === "SendMessage" ? "application/proto" : "application/connect+proto";
    const headers = { ":method": "POST", ":path": path(method), "content-type": type };
    const stream = session.request(headers, { endStream: false });
    stream.on("error", () => {});
    stream.write(body);
    if (end) {
      stream.end();
      await once(stream, "response");
    } else {
      await once(session, "remoteSettings");
    }
    return () => session.destroy();
  }

  async function raw(
    url: string,
    text: string | Buffer,
    { awaitAnswer = false, end = false } = {},
  ) {
    const socket = connect({
      port: Number(new URL(url).port),
      host: "127.0.0.1",
      allowHalfOpen: true,
    });
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write(text);
    if (end) {
      socket.end();
    }
    if (awaitAnswer) {
      await once(socket, "readable");
    }
    return () => socket.destroy();
  }

  function post(method: string, type: string, body: Buffer, length: number) {
    const head = `POST ${path(method)} HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), body]);
  }

  /** Opens a WebSocket, sends these frames, and neither grants nor reads any more. */
  async function tunnel(url: string, ...frames: (string | Buffer)[]) {
    const target = `${url.replace("http", "ws")}/chat.v1.ChatService/SubscribeMessages`;
    const socket = new WebSocket(target, "parley.tunnel.v1");
    socket.on("error", () => {});
    await once(socket, "open");
    for (const frame of frames) {
      socket.send(frame, { binary: frame !== frames[0] });
    }
    if (frames.length > 0) {
      await once(socket, "message");
      socket.pause();
    }
    return () => socket.terminate();
  }

  const subscribe = envelope(toBinary(SubscribeRequestSchema, request));
  const half = envelope(message.subarray(0, 10), 0, message.length);
  const stream = "application/connect+proto";
  const stuck: Record<string, (url: string) => Promise<() => void>> = {
    "a stalled subscription over HTTP/2": (url) => http2(url, "SubscribeMessages", subscribe, true),
    "a stalled subscription over HTTP/1.1": (url) =>
      raw(url, post("SubscribeMessages", stream, subscribe, subscribe.length), {
        awaitAnswer: true,
      }),
    "half an upload over HTTP/2": (url) => http2(url, "UploadMessages", half, false),
    "half an upload over HTTP/1.1": (url) => raw(url, post("UploadMessages", stream, half, 1_000)),
    "half a unary request over HTTP/2": (url) =>
      http2(url, "SendMessage", message.subarray(0, 10), false),
    "half a unary request over HTTP/1.1": (url) =>
      raw(url, post("SendMessage", "application/proto", message.subarray(0, 10), message.length)),
    "a chat that says nothing": (url) => http2(url, "Chat", Buffer.alloc(0), false),
    "half the headers of a request": (url) => raw(url, "POST / HTTP/1.1\r\nHost"),
    "half a preface": (url) => raw(url, "PRI * HT"),
    "a preface and no more": (url) => raw(url, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "a connection that says nothing": (url) => raw(url, ""),
    "a connection closed on its client's side": (url) => raw(url, "P", { end: true }),
    "a stalled subscription closed on its client's side": (url) =>
      raw(url, post("SubscribeMessages", stream, subscribe, subscribe.length), {
        awaitAnswer: true,
        end: true,
      }),
    "a stalled subscription over a WebSocket": (url) =>
      tunnel(url, JSON.stringify({ headers: { "content-type": stream } }), subscribe, ""),
    "a WebSocket that says nothing": (url) => tunnel(url),
  };
  const everyone = async (url: string) => {
    const closes = await Promise.all(Object.values(stuck).map((open) => open(url)));
    return () => closes.forEach((close) => void close());
  };
  for (const [name, open] of Object.entries({ ...stuck, "all of them at once": everyone })) {
    test(`${name} does not keep the server`, async (t) => {
      const server = await startServer(t, "1s");
      const { send, messages, response } = openUpload(server.chat());
      for (let count = 0; count < 300; count++) {
        void send({ ...hello, content: "x".repeat(10_000) });
      }
      messages.close();
      await response;
      t.after(await open(server.url));
      // It has dealt with what came before.
      await server.chat().listRooms({});
      const startMs = performance.now();
      assert.equal(await server.stop("SIGTERM"), 0);
      const tookMs = performance.now() - startMs;
      t.diagnostic(`took ${tookMs.toFixed()} ms`);
      // A client that is waited for is waited for ever; the rest is up to the machine.
      assert.ok(tookMs < 30_000, `took ${tookMs} ms`);
    });
  }
});

test("a second SIGTERM ends the server at once", async (t) => {
  const server = await startServer(t, "60s");
  const { send } = openUpload(server.chat());
  using subscription = openStream((options) => server.chat().subscribeMessages(hello, options));
  await subscription.next();
  void send(hello);
  await subscription.next();
  using health = server.watch();
  await health.next();
  process.kill(server.pid, "SIGTERM");
  assert.equal((await health.next()).status, Status.NOT_SERVING);
  const startMs = performance.now();
  assert.equal(await server.stop("SIGTERM"), 1);
  assert.ok(performance.now() - startMs < 1_000);
  const next = await startServer(t, "1s", server.folder);
  assert.deepEqual(await allContents(next.chat()), ["hello"]);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`an idle server ends promptly on ${signal}`, async (t) => {
    const server = await startServer(t, "60s");
    await server.chat().sendMessage(hello);
    const http1 = createConnectTransport({ baseUrl: server.url, httpVersion: "1.1" });
    await createClient(ChatService, http1).sendMessage(hello);
    const startMs = performance.now();
    assert.equal(await server.stop(signal), 0);
    assert.ok(performance.now() - startMs < 1_000);
  });
}

test("a client's subscription outlives drains and restarts", async (t) => {
  const folder = temporaryFolder(t);
  const port = String(await freePort());
  const start = () =>
    startServerProcess(["--data", folder, "--port", port, "--drain-timeout", "2s"]);
  let server = await start();
  t.after(() => server.stop("SIGKILL"));
  const transport = createGrpcTransport({ baseUrl: server.url });
  const client = createChatClient(transport, { backoff: { initialMs: 20, maxMs: 200 } });
  const [restarts, perRestart] = [3, 200];
  const sent: string[] = [];
  const ended = new AbortController();
  t.after(() => ended.abort());
  const received = (async () => {
    const contents: string[] = [];
    const request = { room, user: "reader", after: oldestKept };
    for await (const { content } of client.subscribe(request, { signal: ended.signal })) {
      contents.push(content);
      if (content === "last") {
        return contents;
      }
    }
    return contents;
  })();
  for (let restart = 0; restart < restarts; restart++) {
    const halfway = Promise.withResolvers<void>();
    const sending = (async () => {
      for (let index = 0; index < perRestart; index++) {
        const content = `${restart} ${index}`;
        await client.send({ ...hello, content });
        sent.push(content);
        if (index === perRestart / 2) {
          halfway.resolve();
        }
      }
    })();
    await halfway.promise;
    assert.equal(await server.stop("SIGTERM"), 0);
    server = await start();
    await sending;
  }
  await client.send({ ...hello, content: "last" });
  assert.deepEqual(await received, [...sent, "last"], "each once and in order");
});
