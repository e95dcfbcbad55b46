import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { discardUnread } from "./discard-unread.ts";

const bodyBytes = 4_000_000;

async function startServer(
  t: TestContext,
  timeoutMs: number,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
) {
  const server = createServer((request, response) => {
    discardUnread(request, response, timeoutMs);
    handle(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  t.after(() => {
    socket.destroy();
    server.close();
    server.closeAllConnections();
  });
  return {
    socket,
    /** Announces a body, and sends what is given of it. */
    post(path: string, body: Uint8Array, announcedBytes = body.byteLength) {
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${announcedBytes}\r\n\r\n`,
      );
      socket.write(body);
    },
  };
}

/** Reads a chunk and no more, as who finds a request to be too large. */
async function refuse(request: IncomingMessage, response: ServerResponse) {
  for await (const _chunk of request) {
    break;
  }
  response.writeHead(413).end("too large");
}

test("the connection of a request that was given up takes the next one", async (t) => {
  const { socket, post } = await startServer(t, 60_000, (request, response) => {
    if (request.url === "/refused") {
      refuse(request, response);
    } else {
      response.setHeader("connection", "close");
      response.end("welcome");
    }
  });
  post("/refused", new Uint8Array(bodyBytes));
  post("/next", new Uint8Array(1));
  const answers = await text(socket);
  assert.match(answers, /^HTTP\/1\.1 413 .*too large.*HTTP\/1\.1 200 .*welcome/s);
});

test("a body that is not over in time has its connection closed", async (t) => {
  const { socket, post } = await startServer(t, 50, refuse);
  post("/", new Uint8Array(1_000), bodyBytes);
  assert.match(await text(socket), /^HTTP\/1\.1 413 .*too large/s);
});

test("a request that is destroyed takes its connection with it", async (t) => {
  const { socket, post } = await startServer(t, 60_000, (request) => request.destroy());
  socket.on("error", () => {});
  socket.resume();
  const closed = once(socket, "close");
  post("/", new Uint8Array(1_000), bodyBytes);
  await closed;
});
