import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttp1Server, type RequestListener } from "node:http";
import type { ServerHttp2Stream } from "node:http2";
import { createServer as createHttp2Server, type IncomingHttpHeaders } from "node:http2";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import { type TestContext, test } from "node:test";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import * as node from "@connectrpc/connect-node";
import * as web from "@connectrpc/connect-web";
import { ChatService } from "@parley/proto/chat/v1";
import { RetryInfoSchema } from "@parley/proto/google/rpc/error_details";
import { freePort } from "@parley/testing/free-port";
import { clientError } from "./client-error.ts";
import { isRetryable } from "./is-retryable.ts";

type CreateTransport = (baseUrl: string) => Transport;

const http2Transports: Record<string, CreateTransport> = {
  "connect, HTTP/2": (baseUrl) => node.createConnectTransport({ baseUrl, httpVersion: "2" }),
  "gRPC, HTTP/2": (baseUrl) => node.createGrpcTransport({ baseUrl }),
  "gRPC-Web, HTTP/2": (baseUrl) => node.createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
};

const http1Transports: Record<string, CreateTransport> = {
  "connect, HTTP/1.1": (baseUrl) => node.createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  "gRPC-Web, HTTP/1.1": (baseUrl) => node.createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  "connect, fetch": (baseUrl) => web.createConnectTransport({ baseUrl, useBinaryFormat: true }),
  "gRPC-Web, fetch": (baseUrl) => web.createGrpcWebTransport({ baseUrl }),
};

// An enveloped message: the flag byte, the length, and user = "A".
const frame = Buffer.from([0, 0, 0, 0, 3, 18, 1, 65]);

/** What an HTTP/2 server does with a stream, by what befell it. */
const http2Failures: Record<string, (stream: ServerHttp2Stream) => void> = {
  "lost its connection": (stream) => stream.session?.socket.destroy(),
  "closed its connections": (stream) => stream.session?.destroy(),
  "went away": (stream) => {
    stream.session?.goaway();
    setImmediate(() => stream.session?.destroy());
  },
  "reset the stream": (stream) => stream.close(2),
  "refused the stream": (stream) => stream.close(7),
  "cancelled the stream": (stream) => stream.close(8),
  "was behind a proxy that lost it": (stream) => {
    stream.respond({ ":status": 503, "content-type": "text/html" });
    stream.end("<h1>Service unavailable</h1>");
  },
};

/** The same, after the first message of a response. */
const http2Breaks: Record<string, (stream: ServerHttp2Stream) => void> = {
  "lost its connection": (stream) => stream.session?.socket.destroy(),
  "went away": http2Failures["went away"] as (stream: ServerHttp2Stream) => void,
  "reset the stream": (stream) => stream.close(2),
  "cancelled the stream": (stream) => stream.close(8),
  "ended without a status": (stream) => stream.end(),
  "ended within a message": (stream) => stream.end(frame.subarray(0, 3)),
};

const http1Failures: Record<string, RequestListener> = {
  "lost its connection": (_, response) => response.destroy(),
  "reset its connection": (request) => request.socket.resetAndDestroy(),
  "was behind a proxy that lost it": (_, response) => {
    response.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad gateway</h1>");
  },
};

const http1Breaks: Record<string, RequestListener> = {
  "lost its connection": (_, response) => response.destroy(),
  "reset its connection": (request) => request.socket.resetAndDestroy(),
  "ended without a status": (_, response) => response.end(),
  "ended within a message": (_, response) => response.end(frame.subarray(0, 3)),
};

/** Listens until the test ends; resolves with the URL. */
async function listen(t: TestContext, server: Server): Promise<string> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    socket.on("error", () => {});
    sockets.add(socket);
  });
  server.listen(await freePort(), "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of sockets) {
      socket.destroy();
    }
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** @param received - when set: what to wait for, after the first message of a response */
function http2Server(fail: (stream: ServerHttp2Stream) => void, received?: Promise<void>): Server {
  const server = createHttp2Server();
  server.on("session", (session) => session.on("error", () => {}));
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on("error", () => {});
    if (received) {
      stream.respond({ ":status": 200, "content-type": headers["content-type"] });
      stream.write(frame);
      void received.then(() => fail(stream));
    } else {
      fail(stream);
    }
  });
  return server;
}

function http1Server(fail: RequestListener, received?: Promise<void>): Server {
  return createHttp1Server((request, response) => {
    if (received) {
      response.writeHead(200, { "content-type": request.headers["content-type"] });
      response.write(frame);
      void received.then(() => fail(request, response));
    } else {
      fail(request, response);
    }
  });
}

// Only what goes wrong takes as long.
const timeoutMs = 60_000;

async function unaryError(transport: Transport): Promise<ConnectError> {
  const request = { room: "lobby", user: "ada", content: "hello" };
  return createClient(ChatService, transport)
    .sendMessage(request, { timeoutMs })
    .then(
      () => assert.fail("the call succeeded"),
      (error) => error,
    );
}

async function streamError(
  transport: Transport,
  onMessage?: () => void,
): Promise<[error: ConnectError, count: number]> {
  let count = 0;
  const request = { room: "lobby", user: "ada" };
  try {
    const { subscribeMessages } = createClient(ChatService, transport);
    for await (const _ of subscribeMessages(request, { timeoutMs })) {
      count++;
      onMessage?.();
    }
  } catch (error) {
    return [error as ConnectError, count];
  }
  assert.fail("the stream ended well");
}

function assertRetryable(error: ConnectError): void {
  const told = clientError(error);
  assert.equal(told.code, Code.Unavailable, `${error.message}, caused by ${error.cause}`);
  assert.ok(isRetryable(told));
}

const matrix = [
  { transports: http2Transports, failures: http2Failures, breaks: http2Breaks, serve: http2Server },
  { transports: http1Transports, failures: http1Failures, breaks: http1Breaks, serve: http1Server },
];

for (const { transports, failures, breaks, serve } of matrix) {
  for (const [transportName, createTransport] of Object.entries(transports)) {
    test(`can be tried again over ${transportName}: nobody listens`, async () => {
      const transport = createTransport(`http://127.0.0.1:${await freePort()}`);
      assertRetryable(await unaryError(transport));
      assertRetryable((await streamError(transport))[0]);
    });
    for (const [what, fail] of Object.entries(failures)) {
      test(`can be tried again over ${transportName}: the server ${what}`, async (t) => {
        const url = await listen(t, serve(fail as never));
        assertRetryable(await unaryError(createTransport(url)));
        assertRetryable((await streamError(createTransport(url)))[0]);
      });
    }
    for (const [what, fail] of Object.entries(breaks)) {
      test(`can be resumed over ${transportName}: the server ${what}`, async (t) => {
        const received = Promise.withResolvers<void>();
        const url = await listen(t, serve(fail as never, received.promise));
        const [error, count] = await streamError(createTransport(url), received.resolve);
        assertRetryable(error);
        assert.equal(count, 1);
      });
    }
  }
}

/** Errors that the server means, and whether the same call can succeed later. */
const answers: [error: ConnectError, retryable: boolean][] = [
  [new ConnectError("draining", Code.Unavailable), true],
  [
    new ConnectError("slow down", Code.ResourceExhausted, undefined, [
      { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(10) } },
    ]),
    true,
  ],
  [new ConnectError("message too large", Code.ResourceExhausted), false],
  [new ConnectError("trimmed", Code.OutOfRange), false],
  [new ConnectError("room: too short", Code.InvalidArgument), false],
  // The server read a request that stopped in the middle: not this client's connection.
  [new ConnectError("protocol error: incomplete envelope", Code.InvalidArgument), false],
  [new ConnectError("token expired", Code.Unauthenticated), false],
  [new ConnectError("not your room", Code.PermissionDenied), false],
  [new ConnectError("a fault", Code.Internal), false],
  [new ConnectError("a fault", Code.Unknown), false],
];

const handler = node.connectNodeAdapter({
  routes: ({ service }) =>
    service(ChatService, {
      sendMessage({ content }) {
        throw answers[Number(content)]?.[0];
      },
      async *subscribeMessages({ room }) {
        yield { user: "A" };
        throw answers[Number(room)]?.[0];
      },
    }),
});

for (const [index, [answer, retryable]] of answers.entries()) {
  const verb = retryable ? "can" : "cannot";
  test(`an answer that ${verb} be tried again: ${answer.message}`, async (t) => {
    const http2Url = await listen(t, createHttp2Server(handler as never) as never);
    const http1Url = await listen(t, createHttp1Server(handler as RequestListener));
    const transports = [
      ...Object.values(http2Transports).map((createTransport) => createTransport(http2Url)),
      ...Object.values(http1Transports).map((createTransport) => createTransport(http1Url)),
    ];
    for (const transport of transports) {
      const client = createClient(ChatService, transport);
      const errors: ConnectError[] = [];
      const collect = (error: ConnectError) => errors.push(error);
      await client.sendMessage({ content: String(index) }).catch(collect);
      try {
        for await (const _ of client.subscribeMessages({ room: String(index) }));
      } catch (error) {
        collect(error as ConnectError);
      }
      assert.deepEqual(
        errors.map((error) => clientError(error)).map((error) => [error.code, isRetryable(error)]),
        [
          [answer.code, retryable],
          [answer.code, retryable],
        ],
      );
    }
  });
}

test("a request that cannot be encoded cannot be tried again", async () => {
  const baseUrl = `http://127.0.0.1:${await freePort()}`;
  const after = { epoch: "", sequence: {} as unknown as bigint };
  for (const useBinaryFormat of [true, false]) {
    const transport = web.createConnectTransport({ baseUrl, useBinaryFormat });
    const stream = createClient(ChatService, transport).subscribeMessages({ after });
    await assert.rejects(stream[Symbol.asyncIterator]().next(), (error) => {
      assert.match((error as ConnectError).rawMessage, /encode/);
      return !isRetryable(clientError(error));
    });
  }
});

test("a server that accepts connections and drops them can be tried again", async (t) => {
  const url = await listen(
    t,
    createTcpServer((socket) => socket.destroy()),
  );
  for (const createTransport of Object.values({ ...http2Transports, ...http1Transports })) {
    assertRetryable(await unaryError(createTransport(url)));
  }
});
