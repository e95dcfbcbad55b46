import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createWebSocketTransport } from "@parley/browser";
import {
  ChatService,
  MessageSchema,
  SendMessageRequestSchema,
  SendMessageResponseSchema,
  SubscribeRequestSchema,
} from "@parley/proto/chat/v1";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { WebSocket } from "ws";

const localPage = "http://localhost:5173";
const contentType = "application/grpc-web-text";

// What a page sends that Google's plugin for protoc made from the original contract.
suite("a page of the original contract calls in text mode", () => {
  test("SendMessage", async (t) => {
    const url = await startServer(t);
    const response = await post(url, "SendMessage", sendMessage({ content: "grüße" }));
    assert.equal(response.headers.get("content-type"), contentType);
    assert.equal(response.headers.get("access-control-allow-origin"), localPage);
    assert.match(response.headers.get("access-control-expose-headers") ?? "", /custom-header-1/);
    const [message = Buffer.of(), trailer] = parseFrames(await response.text());
    assert.equal(fromBinary(SendMessageResponseSchema, message).messageId, "msg_1");
    assert.match(String(trailer), /grpc-status: 0/i);
  });

  test("SubscribeMessages, while the stream is open", async (t) => {
    const url = await startServer(t);
    const request = create(SubscribeRequestSchema, { room: "r", user: "Ann" });
    const { body } = await post(
      url,
      "SubscribeMessages",
      toBinary(SubscribeRequestSchema, request),
    );
    const contents: string[] = [];
    let received = "";
    for await (const piece of (body as ReadableStream<Uint8Array>).pipeThrough(decoder())) {
      received += piece;
      const frames = parseFrames(received);
      for (const frame of frames.slice(contents.length)) {
        contents.push(fromBinary(MessageSchema, frame).content);
        if (contents.length === 1) {
          await post(url, "SendMessage", sendMessage({ content: "live" }));
        }
      }
      if (contents.length === 2) {
        break;
      }
    }
    assert.deepEqual(contents, ["Welcome to room r, Ann!", "live"]);
  });

  test("an error", async (t) => {
    const url = await startServer(t);
    const response = await post(url, "SendMessage", sendMessage({ user: "" }));
    const [trailer] = parseFrames(await response.text());
    assert.match(String(trailer), /grpc-status: 3/i);
    assert.match(String(trailer), /grpc-status-details-bin/i);
  });
});

suite("calls of the original contract's name over a WebSocket", () => {
  for (const flags of [[], ["--no-lean-path"]]) {
    test(flags[0] ?? "by default", async (t) => {
      const baseUrl = await startServer(t, flags);
      const transport = createWebSocketTransport({
        baseUrl,
        interceptors: [
          (next) => (request) =>
            next({ ...request, url: request.url.replace("/chat.v1.", "/chat.") }),
        ],
      });
      const client = createClient(ChatService, transport);
      const { messageId } = await client.sendMessage({ room: "r", user: "Ann", content: "hello" });
      assert.equal(messageId, "msg_1");
    });
  }
});

suite("--cors-origins", { concurrency: true }, () => {
  const cases: [
    args: string[],
    env: Record<string, string>,
    granted: string[],
    refused: string[],
  ][] = [
    [[], {}, [localPage], ["https://a.example"]],
    [
      ["--cors-origins", "https://a.example, https://b.example"],
      {},
      ["https://a.example", "https://b.example"],
      ["https://c.example", localPage],
    ],
    [[], { PARLEY_CORS_ORIGINS: "https://a.example" }, ["https://a.example"], [localPage]],
    [["--cors-origins", "*"], {}, ["https://a.example", localPage, "null"], []],
  ];
  for (const [args, env, granted, refused] of cases) {
    test(JSON.stringify([...args, env]), async (t) => {
      const url = await startServer(t, args, env);
      for (const origin of granted) {
        assert.equal(await preflight(url, origin), 204, origin);
        assert.equal(await upgrade(t, url, origin), 101, origin);
      }
      for (const origin of refused) {
        assert.equal(await preflight(url, origin), 403, origin);
        assert.equal(await upgrade(t, url, origin), 403, origin);
      }
    });
  }

  for (const list of ["", "a.example", "https://a.example/", "https://a.example,"]) {
    test(`"${list}" is refused`, async (t) => {
      await assert.rejects(
        startServer(t, ["--cors-origins", list]),
        /exited with 2.*--cors-origins/s,
      );
    });
  }
});

async function startServer(
  t: TestContext,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const flags = ["--data", temporaryFolder(t), "--port", "0", ...args];
  const server = await startServerProcess(flags, env);
  t.after(() => server.stop("SIGKILL"));
  return server.url;
}

function sendMessage(fields: MessageInitShape<typeof SendMessageRequestSchema>): Uint8Array {
  const request = create(SendMessageRequestSchema, { room: "r", user: "Ann", ...fields });
  return toBinary(SendMessageRequestSchema, request);
}

function post(url: string, method: string, payload: Uint8Array): Promise<Response> {
  const header = Buffer.alloc(5);
  header.writeUInt32BE(payload.length, 1);
  return fetch(`${url}/chat.ChatService/${method}`, {
    method: "POST",
    headers: {
      ...{ accept: contentType, "content-type": contentType, origin: localPage },
      ...{
        "custom-header-1": "value",
        "x-grpc-web": "1",
        "x-user-agent": "grpc-web-javascript/0.1",
      },
    },
    body: Buffer.concat([header, payload]).toString("base64"),
  });
}

async function preflight(url: string, origin: string): Promise<number> {
  const response = await fetch(`${url}/chat.ChatService/SendMessage`, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type,custom-header-1,x-grpc-web,x-user-agent",
    },
  });
  const allowed = response.headers.get("access-control-allow-headers") ?? "";
  assert.equal(allowed.includes("custom-header-1"), response.status === 204);
  return response.status;
}

/** The status that a page's WebSocket is answered with. */
function upgrade(t: TestContext, url: string, origin: string): Promise<number> {
  const target = `${url.replace("http", "ws")}/chat.v1.ChatService/Chat`;
  const socket = new WebSocket(target, "parley.tunnel.v1", { origin });
  t.after(() => socket.terminate());
  return new Promise((resolve, reject) => {
    socket.once("open", () => resolve(101));
    socket.once("unexpected-response", (_, response) => resolve(response.statusCode ?? 0));
    socket.once("error", reject);
  });
}

function decoder(): ReadableWritablePair<string, Uint8Array> {
  return new TextDecoderStream("latin1") as ReadableWritablePair<string, Uint8Array>;
}

/** The payloads in base64 with padding within, as far as they are complete. */
function parseFrames(text: string): Buffer[] {
  const segments = text.match(/[^=]+=*/g) ?? [];
  const bytes = Buffer.concat(segments.map((segment) => Buffer.from(segment, "base64")));
  const payloads: Buffer[] = [];
  for (let start = 0; start + 5 <= bytes.length; ) {
    const end = start + 5 + bytes.readUInt32BE(start + 1);
    if (end > bytes.length) {
      break;
    }
    payloads.push(bytes.subarray(start + 5, end));
    start = end;
  }
  return payloads;
}
