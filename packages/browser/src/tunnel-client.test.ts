import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { suite, type TestContext, test } from "node:test";
import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import { ChatService } from "@parley/proto/chat/v1";
import { type WebSocket, WebSocketServer } from "ws";
import { createWebSocketTransport } from "./index.ts";

const streaming = { status: 200, headers: { "content-type": "application/connect+proto" } };
const end = Buffer.from("\x02\0\0\0\x02{}", "latin1");

/** A server that does what the test says when the request has come, and what it received. */
async function startServer(t: TestContext, act: (socket: WebSocket) => void) {
  const frames: (string | Buffer)[] = [];
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  t.after(() => {
    server.close();
    for (const client of server.clients) {
      client.terminate();
    }
  });
  const closed = Promise.withResolvers<number>();
  server.on("connection", (socket, request) => {
    frames.push(request.url ?? "");
    socket.on("message", (data: Buffer, isBinary) => {
      frames.push(isBinary ? data : data.toString());
      if (isBinary && data.length === 0) {
        act(socket);
      }
    });
    socket.once("close", (code) => closed.resolve(code));
  });
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const baseUrl = `http://127.0.0.1:${port}/base/`;
  const client = createClient(ChatService, createWebSocketTransport({ baseUrl }));
  const received: string[] = [];
  const call = async () => {
    for await (const { content } of client.subscribeMessages({ room: "r" })) {
      received.push(content);
    }
  };
  return { call, received, frames, closed: closed.promise };
}

test("what a call sends", async (t) => {
  const { call, frames, closed } = await startServer(t, (socket) => {
    socket.send(JSON.stringify(streaming));
    socket.send(end);
    socket.send(Buffer.alloc(0));
  });
  await call();
  const [path, request, ...body] = frames;
  assert.equal(path, "/base/chat.v1.ChatService/SubscribeMessages");
  const { headers } = JSON.parse(String(request));
  assert.equal(headers["content-type"], "application/connect+proto");
  assert.equal(headers["connect-protocol-version"], "1");
  assert.deepEqual(Buffer.concat(body as Buffer[]), Buffer.from("\0\0\0\0\x03\n\x01r", "latin1"));
  assert.equal((body.at(-1) as Buffer).length, 0);
  await closed;
});

suite("a socket that closes early with", () => {
  const codes: [number, Code][] = [
    [1000, Code.Unavailable],
    [1001, Code.Unavailable],
    [1002, Code.Internal],
    [1003, Code.Internal],
    [1007, Code.Internal],
    [1008, Code.PermissionDenied],
    [1009, Code.ResourceExhausted],
    [1011, Code.Internal],
    [1012, Code.Unavailable],
    [1013, Code.Unavailable],
    [4000, Code.Unavailable],
  ];
  for (const [closeCode, code] of codes) {
    test(`${closeCode} is ${Code[code]}`, async (t) => {
      const { call } = await startServer(t, (socket) => socket.close(closeCode, "because"));
      await assert.rejects(call(), (error: ConnectError) => {
        assert.equal(Code[error.code], Code[code]);
        assert.match(error.rawMessage, new RegExp(`\\(${closeCode}\\): because`));
        return true;
      });
    });
  }
});

suite("a server that breaks a rule is INTERNAL, and its socket is closed", () => {
  const faults: [name: string, act: (socket: WebSocket) => void][] = [
    ["a body without headers", (socket) => socket.send(Buffer.of(1))],
    ["text that is no JSON", (socket) => socket.send("hello")],
    ["a status that cannot be", (socket) => socket.send('{"status":1,"headers":{}}')],
    ["a header that cannot be", (socket) => socket.send('{"status":200,"headers":{"a b":"c"}}')],
    ["a grant of what was not sent", (socket) => socket.send('{"window":1000}')],
    [
      "headers twice",
      (socket) => {
        socket.send(JSON.stringify(streaming));
        socket.send(JSON.stringify(streaming));
      },
    ],
    [
      "more than was granted",
      (socket) => {
        socket.send(JSON.stringify(streaming));
        socket.send(Buffer.alloc(256 * 1024 + 1));
      },
    ],
  ];
  for (const [name, act] of faults) {
    test(name, async (t) => {
      const { call, closed } = await startServer(t, act);
      await assert.rejects(call(), (error: ConnectError) => {
        assert.equal(Code[error.code], Code[Code.Internal]);
        assert.match(error.rawMessage, /^protocol error: /);
        return true;
      });
      await closed;
    });
  }
});

test("what arrived before the connection was lost is delivered first", async (t) => {
  const { call, received } = await startServer(t, (socket) => {
    socket.send(JSON.stringify(streaming));
    for (const content of ["a", "b"]) {
      socket.send(Buffer.from(`\0\0\0\0\x03\x1a\x01${content}`, "latin1"));
    }
    socket.close(1001);
  });
  await assert.rejects(call(), (error: ConnectError) => error.code === Code.Unavailable);
  assert.deepEqual(received, ["a", "b"]);
});
