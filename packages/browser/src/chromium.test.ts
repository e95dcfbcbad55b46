import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, suite, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createCertificate } from "@parley/testing/certificate";
import { launchChromium } from "@parley/testing/chromium";
import { needsTools } from "@parley/testing/tools";
import { build } from "esbuild";
import type { Browser, Page } from "playwright-core";
import { type ChatServerOptions, startChatServer } from "./testing/chat-server.ts";
import { echoHandlers } from "./testing/echo-handlers.ts";
import type { PageCalls } from "./testing/page.ts";

declare const parley: PageCalls;

const windowBytes = 256 * 1024;
const everyKind = {
  messageId: "grüße",
  seen: ["why!", "done"],
  listed: ["listed"],
  subscribed: ["r 0", "r 1", "r 2"],
  messageCount: 3,
  chatted: ["one", "two", "yyyyyyyyyy"],
};

suite("in Chromium", needsTools("chromium", "openssl"), () => {
  let browser: Browser;
  let script: string;
  before(async () => {
    const { outputFiles } = await build({
      entryPoints: [fileURLToPath(new URL("testing/page.ts", import.meta.url))],
      bundle: true,
      format: "esm",
      write: false,
    });
    script = outputFiles[0]?.text ?? "";
    browser = await launchChromium();
  });

  after(() => browser?.close());

  for (const httpVersion of ["1.1", "2.0"]) {
    suite(`HTTP/${httpVersion}`, () => {
      for (const tunnelOnly of [false, true]) {
        const name = tunnelOnly ? "over WebSockets" : "over fetch and WebSockets";
        for (const useBinaryFormat of [true, false]) {
          test(`calls of every kind, ${useBinaryFormat ? "binary" : "JSON"}, ${name}`, async (t) => {
            const { page, requests } = await open(t, httpVersion);
            const options = { tunnelOnly, useBinaryFormat };
            const results = await page.evaluate((options) => parley.everyKind(options), options);
            assert.deepEqual(results, everyKind);
            const fetched = tunnelOnly ? [] : ["POST", "GET", "POST"];
            const opened = Array(tunnelOnly ? 5 : 2).fill("WebSocket");
            assert.deepEqual(requests, [...fetched, ...opened]);
          });
        }
      }

      test("an error amid a chat", async (t) => {
        const { page } = await open(t, httpVersion);
        assert.deepEqual(await page.evaluate(() => parley.error({ tunnelOnly: false })), {
          code: "ResourceExhausted",
          message: "höchstens zehn",
          detailCount: 1,
        });
      });

      test("a page that does not read holds the handler", async (t) => {
        const left = Promise.withResolvers<void>();
        let madeBytes = 0;
        const { page } = await open(t, httpVersion, {
          ...echoHandlers,
          async *subscribeMessages(_, { signal }) {
            signal.addEventListener("abort", () => left.resolve());
            for (;;) {
              madeBytes += 10_000;
              yield { content: "x".repeat(10_000) };
            }
          },
        });
        await page.evaluate(() => parley.stalledReader({ tunnelOnly: true }));
        assert.ok(madeBytes < 2 * windowBytes, `${madeBytes} bytes were made`);
        await page.close();
        await left.promise;
      });

      test("a handler that does not read holds the page", async (t) => {
        const { page } = await open(t, httpVersion, {
          ...echoHandlers,
          async uploadMessages(_, { signal }) {
            await once(signal, "abort");
            return {};
          },
        });
        const takenBytes = await page.evaluate(() => parley.stalledWriter({ tunnelOnly: true }));
        assert.ok(takenBytes < 2 * windowBytes, `${takenBytes} bytes were taken`);
      });
    });
  }

  test("a page of another origin may call when it is listed, and not otherwise", async (t) => {
    const other = await open(t, "1.1");
    // Pages of localhost are by default; the origin of a data URL is "null".
    const options = { baseUrl: other.url, tunnelOnly: false };
    const { page } = await open(t, "1.1", echoHandlers, {});
    const results = await page.evaluate((options) => parley.everyKind(options), options);
    assert.deepEqual(results, everyKind);
    const foreign = await browser.newPage();
    t.after(() => foreign.close());
    await foreign.goto("data:text/html,<!doctype html>");
    await foreign.addScriptTag({ content: script, type: "module" });
    const outcome = await foreign.evaluate((options) => parley.error(options), options);
    assert.deepEqual(outcome, {
      code: "Unavailable",
      message: `no WebSocket to ${other.url.replace("http", "ws")}/chat.v1.ChatService/Chat: the server cannot be reached, or refused it`,
      detailCount: 0,
    });
  });

  /** A page of a server's own origin, with the calls that are not the page's own files. */
  async function open(
    t: TestContext,
    httpVersion: string,
    handlers: ChatServerOptions["handlers"] = echoHandlers,
    // As strict as a page's policy can be for its own origin.
    headers: Record<string, string> = { "content-security-policy": "default-src 'self'" },
  ): Promise<{ page: Page; url: string; requests: string[] }> {
    const requests: string[] = [];
    const { url } = await startChatServer(t, {
      handlers,
      // Chromium speaks HTTP/2 over TLS only.
      ...(httpVersion === "2.0" && { tls: createCertificate() }),
      configure(app) {
        app.addHook("onRequest", async ({ method, raw, url }) => {
          if (url.startsWith("/chat.")) {
            assert.equal(raw.httpVersion, httpVersion);
            requests.push(method);
          }
        });
        app.server.prependListener("upgrade", () => requests.push("WebSocket"));
        app.get("/", async (_, reply) => {
          reply.headers(headers).type("text/html");
          return '<!doctype html><script type="module" src="/script.js"></script>';
        });
        app.get("/script.js", async (_, reply) => {
          reply.type("text/javascript");
          return script;
        });
      },
    });
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    t.after(() => context.close());
    const page = await context.newPage();
    await page.goto(url);
    return { page, url, requests };
  }
});
