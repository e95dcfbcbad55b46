import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { ChatService } from "@parley/proto/chat/v1";
import { freePort } from "@parley/testing/free-port";
import { type BrowserTransportOptions, createBrowserTransport } from "./index.ts";
import { startChatServer } from "./testing/chat-server.ts";
import { echoHandlers } from "./testing/echo-handlers.ts";
import { resolveBaseUrl } from "./transport-options.ts";

async function* one() {
  yield { content: "m" };
}

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of messages) {
    // Only that it ends is of interest.
  }
}

/** The requests that each call makes, as the server sees them. */
async function requestsOf(
  t: Parameters<typeof startChatServer>[0],
  options: BrowserTransportOptions = {},
): Promise<string[]> {
  const requests: string[] = [];
  const { url } = await startChatServer(t, {
    handlers: echoHandlers,
    configure(app) {
      app.addHook("onRequest", async ({ method }) => void requests.push(method));
      app.server.prependListener("upgrade", () => requests.push("WebSocket"));
    },
  });
  const client = createClient(ChatService, createBrowserTransport({ baseUrl: url, ...options }));
  await client.sendMessage({ content: "m" });
  await client.listMessages({ room: "r" });
  await drain(client.subscribeMessages({ room: "r", user: "1" }));
  await client.uploadMessages(one());
  await drain(client.chat(one()));
  return requests;
}

test("fetch carries what it can, a WebSocket the rest", async (t) => {
  assert.deepEqual(await requestsOf(t), ["POST", "GET", "POST", "WebSocket", "WebSocket"]);
});

test("server streaming goes over a WebSocket when it is told so", async (t) => {
  const requests = await requestsOf(t, { serverStreaming: "websocket" });
  assert.deepEqual(requests, ["POST", "GET", "WebSocket", "WebSocket", "WebSocket"]);
});

test("interceptors see calls of either kind", async (t) => {
  const names: string[] = [];
  const { url } = await startChatServer(t, { handlers: echoHandlers });
  const transport = createBrowserTransport({
    baseUrl: url,
    interceptors: [
      (next) => (request) => {
        names.push(request.method.name);
        return next(request);
      },
    ],
  });
  const client = createClient(ChatService, transport);
  await client.sendMessage({ content: "m" });
  await drain(client.chat(one()));
  assert.deepEqual(names, ["SendMessage", "Chat"]);
});

test("a server that cannot be reached is UNAVAILABLE", async () => {
  const transport = createBrowserTransport({ baseUrl: `http://127.0.0.1:${await freePort()}` });
  const client = createClient(ChatService, transport);
  for (const call of [() => client.sendMessage({}), () => drain(client.chat(one()))]) {
    await assert.rejects(call, (error) => {
      assert.ok(error instanceof ConnectError);
      assert.equal(Code[error.code], Code[Code.Unavailable]);
      return true;
    });
  }
});

test("a call that is aborted is CANCELLED", async () => {
  const transport = createBrowserTransport({ baseUrl: "http://127.0.0.1:1" });
  const call = createClient(ChatService, transport).sendMessage(
    {},
    { signal: AbortSignal.abort() },
  );
  await assert.rejects(call, (error: ConnectError) => error.code === Code.Canceled);
});

suite("a base URL", () => {
  const page = { href: "https://example.com/app/page.html", origin: "https://example.com" };
  const cases: [baseUrl: string | undefined, resolved: string][] = [
    [undefined, "https://example.com"],
    ["/", "https://example.com"],
    ["/api/", "https://example.com/api"],
    ["api", "https://example.com/app/api"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
  ];
  for (const [baseUrl, resolved] of cases) {
    test(`${baseUrl} in a page`, (t) => {
      Object.assign(globalThis, { location: page });
      t.after(() => Reflect.deleteProperty(globalThis, "location"));
      assert.equal(resolveBaseUrl(baseUrl), resolved);
    });
  }

  for (const baseUrl of [undefined, "/", "ftp://example.com"]) {
    test(`${baseUrl} outside of a page`, () => {
      assert.throws(() => createBrowserTransport(baseUrl ? { baseUrl } : {}), TypeError);
    });
  }
});
