import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { suite, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ChatService, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { openSqliteMessageLog } from "../log/sqlite/sqlite-message-log.ts";
import { buildServer } from "../server.ts";
import { envelope } from "../testing/raw-request.ts";

async function startServer(t: TestContext, { leanPath = true } = {}) {
  const log = await openSqliteMessageLog({ folder: temporaryFolder(t) });
  const { app, drain } = buildServer({ log, instanceId: "test", presenceGraceMs: 1, leanPath });
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const client = createClient(ChatService, createGrpcTransport({ baseUrl: url }));
  t.after(async () => {
    await drain.run();
    await app.close();
    await log.close();
  });
  const connectionCount = () => promisify(app.server.getConnections.bind(app.server))();
  return { url, port, drain, client, connectionCount };
}

/** A connection on which nothing happens by itself. */
async function connectRaw(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

function encode(message: MessageInitShape<typeof MessageSchema>): Buffer {
  return Buffer.from(toBinary(MessageSchema, create(MessageSchema, message)));
}

/** The types of these HTTP/2 frames. */
function frameTypes(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let offset = 0; offset + 9 <= bytes.length; offset += 9 + bytes.readUIntBE(offset, 3)) {
    types.push(bytes.readUInt8(offset + 3));
  }
  return types;
}

/** Resolves when the condition holds, however long that takes: the test's timeout bounds it. */
async function until(condition: () => boolean | Promise<boolean>) {
  while (!(await condition())) {
    await delay(2);
  }
}

const timeout = 20_000;

suite("bytes of no protocol", () => {
  const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const settings = Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0);
  const hello = Buffer.concat([
    Buffer.from("1603010200010001fc0303", "hex"),
    Buffer.alloc(506, 0x42),
  ]);
  const httpError = (answer: Buffer) => assert.match(String(answer), /^HTTP\/1\.1 4\d\d /);
  const goaway = (answer: Buffer) => assert.equal(frameTypes(answer).at(-1), 7);
  const cases: [name: string, bytes: Uint8Array | string, check: (answer: Buffer) => void][] = [
    ["a TLS hello", hello, httpError],
    ["a request line without a path", "GET\r\n\r\n", httpError],
    ["an unknown version of HTTP/1", "GET / HTTP/1.7\r\n\r\n", httpError],
    ["a header without a colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", httpError],
    ["headers of 40 KB", `GET / HTTP/1.1\r\nA: ${"a".repeat(40_000)}\r\n\r\n`, httpError],
    ["two lengths", post("Content-Length: 5\r\nContent-Length: 6"), httpError],
    ["a negative length", post("Content-Length: -5"), httpError],
    ["a chunk of no length", `${post("Transfer-Encoding: chunked")}zz\r\n`, httpError],
    ["a broken preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", goaway],
    ["PRI and no more of the preface", `PRI${"x".repeat(100)}`, goaway],
    ["a preface without settings", `${preface}${"x".repeat(100)}`, goaway],
    [
      "frames on stream 0 that belong on others",
      Buffer.concat([Buffer.from(preface), settings, Buffer.of(0, 0, 1, 0, 0, 0, 0, 0, 0, 1)]),
      goaway,
    ],
    [
      "headers that are not in HPACK",
      Buffer.concat([
        Buffer.from(preface),
        settings,
        Buffer.of(0, 0, 4, 1, 5, 0, 0, 0, 1, 255, 255, 255, 255),
      ]),
      goaway,
    ],
    [
      "a frame of 16 MB",
      Buffer.concat([Buffer.from(preface), settings, Buffer.of(255, 255, 255, 0, 0, 0, 0, 0, 1)]),
      goaway,
    ],
  ];

  function post(headers: string): string {
    return `POST /chat.v1.ChatService/SendMessage HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n${headers}\r\n\r\n`;
  }

  for (const [name, bytes, check] of cases) {
    test(`${name} ends the connection`, { timeout }, async (t) => {
      const { port, client, drain } = await startServer(t);
      const socket = await connectRaw(port);
      socket.write(bytes);
      check(await buffer(socket));
      await client.listRooms({});
      assert.equal(drain.callCount, 0);
    });
  }

  test("random bytes do no harm", { timeout: 300_000 }, async (t) => {
    const { port, client, drain } = await startServer(t);
    for (let count = 0; count < 300; count++) {
      const socket = await connectRaw(port);
      const start = count % 3 === 0 ? Buffer.from(preface) : Buffer.alloc(0);
      const bytes = Buffer.concat([start, randomBytes(1 + ((count * 37) % 5_000))]);
      socket.resume();
      const closed = once(socket, "close");
      socket.end(bytes);
      await closed;
    }
    await client.listRooms({});
    assert.equal(drain.callCount, 0);
  });
});

suite("calls that break off", () => {
  const init = { room: "room", user: "ada", content: "hello, hello" };
  const message = encode(init);
  const join = encode({ ...init, type: MessageType.JOIN });
  const half = message.subarray(0, 10);
  const cutShort = envelope(half, 0, message.length);
  /** What is sent of the body, and how many calls the server then has. */
  const calls: [type: string, method: string, body: Buffer, callCount: number][] = [
    // A unary call begins when its message is there.
    ["application/proto", "SendMessage", half, 0],
    ["application/grpc+proto", "SendMessage", cutShort, 0],
    ["application/grpc-web+proto", "SendMessage", cutShort, 0],
    ...[
      "application/grpc+proto",
      "application/grpc-web+proto",
      "application/connect+proto",
    ].flatMap((type): typeof calls => [
      [type, "UploadMessages", cutShort, 1],
      [type, "UploadMessages", Buffer.concat([envelope(message), cutShort]), 1],
      [type, "UploadMessages", cutShort.subarray(0, 3), 1],
      [type, "Chat", Buffer.concat([envelope(join), cutShort]), 1],
    ]),
  ];
  /** Each sends the start of a request and returns what breaks it off. */
  const connections = {
    async "HTTP/1.1"(url: string, headers: Record<string, string>, path: string, body: Buffer) {
      const socket = await connectRaw(Number(new URL(url).port));
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      socket.write(
        [`POST ${path} HTTP/1.1`, "Host: a", "Content-Length: 10000", ...lines, "", ""].join(
          "\r\n",
        ),
      );
      socket.write(body);
      socket.resume();
      return {
        "its connection is closed": () => socket.destroy(),
        "its connection is reset": () => socket.resetAndDestroy(),
        "its side of the connection is closed": () => socket.end(),
      };
    },
    async "HTTP/2"(url: string, headers: Record<string, string>, path: string, body: Buffer) {
      const session = connectHttp2(url);
      session.on("error", () => {});
      const stream = session.request({ ":method": "POST", ":path": path, ...headers });
      stream.on("error", () => {});
      stream.write(body);
      stream.resume();
      return {
        "its connection is closed": () => session.destroy(),
        "its connection is reset": () => session.socket.resetAndDestroy(),
        "its stream is reset": () => stream.close(8),
      };
    },
  };

  for (const [version, leanPath] of [
    ["HTTP/1.1", false],
    ["HTTP/2", false],
    ["HTTP/2", true],
  ] as const) {
    const open = connections[version];
    test(`over ${version} on the ${leanPath ? "lean" : "stock"} path leave nothing behind`, {
      timeout: 300_000,
    }, async (t) => {
      const { url, client, drain, connectionCount } = await startServer(t, { leanPath });
      await client.listRooms({});
      for (const [type, method, body, callCount] of calls) {
        if (method === "Chat" && version === "HTTP/1.1") {
          continue;
        }
        const headers = { "content-type": type, te: "trailers" };
        const path = `/chat.v1.ChatService/${method}`;
        for (const index of [0, 1, 2]) {
          const endings = Object.entries(await open(url, headers, path, body));
          const [how, end] = endings[index] as (typeof endings)[number];
          t.diagnostic(`${method} by ${type}: ${how}`);
          await until(() => drain.callCount === callCount);
          if (method === "Chat") {
            await until(async () => (await members(client)) === 1);
          }
          end();
          await until(() => drain.callCount === 0);
          endings[0]?.[1]();
          // What remains is the client's.
          await until(async () => (await connectionCount()) === 1);
          assert.equal(await members(client), 0);
        }
      }
    });
  }

  async function members(client: Client<typeof ChatService>) {
    const { rooms } = await client.listRooms({});
    return rooms.find(({ name }) => name === "room")?.memberCount ?? 0;
  }
});
