import assert from "node:assert/strict";
import { after, before, suite, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Code, ConnectError } from "@connectrpc/connect";
import { createCertificate } from "@parley/testing/certificate";
import { launchChromium } from "@parley/testing/chromium";
import { needsTools } from "@parley/testing/tools";
import type { Browser, Page } from "playwright-core";
import { type EchoServerOptions, startEchoServer } from "../testing/echo-server.ts";
import type { GrpcWebPage } from "../testing/grpc-web-page.ts";
import { type PageServer, startPageServer } from "../testing/page-server.ts";
import { httpVersions } from "../testing/transports.ts";

declare const grpcWebPage: GrpcWebPage;

const scriptPath = fileURLToPath(new URL("../testing/grpc-web-page.ts", import.meta.url));

// The page is of another origin than the server.
suite("Google's grpc-web in Chromium", needsTools("chromium", "openssl"), () => {
  let browser: Browser;
  let pageServer: PageServer;
  before(async () => {
    pageServer = await startPageServer(scriptPath);
    browser = await launchChromium();
  });

  after(async () => {
    await browser?.close();
    pageServer?.close();
  });

  for (const httpVersion of httpVersions) {
    suite(`HTTP/${httpVersion}`, () => {
      test("unary, with metadata both ways and a deadline", async (t) => {
        const versions = new Set<string>();
        const { page, url } = await open(t, {
          configure: (app) =>
            app.addHook("onRequest", async ({ raw }) => void versions.add(raw.httpVersion)),
          handlers: {
            unary({ text }, { requestHeader, responseHeader, timeoutMs }) {
              const value = requestHeader.get("custom-header-1") ?? "none";
              responseHeader.set("custom-header-1", `${value} back`);
              return { text: timeoutMs() === undefined ? "no deadline" : text };
            },
          },
        });
        const metadata = {
          "custom-header-1": "there and",
          deadline: String(Date.now() + 60_000),
        };
        const result = await page.evaluate(
          ([url, metadata]) => grpcWebPage.unary(url, "grüße", metadata),
          [url, metadata] as const,
        );
        assert.deepEqual(result.texts, ["grüße"]);
        assert.equal(result.metadata["custom-header-1"], "there and back");
        assert.deepEqual(Array.from(versions), [httpVersion === "2" ? "2.0" : "1.1"]);
      });

      test("a message of a stream arrives while the stream is open", async (t) => {
        const first = Promise.withResolvers<void>();
        const { page, url } = await open(t, {
          handlers: {
            unary({ text }) {
              first.resolve();
              return { text };
            },
            async *serverStream({ text }) {
              yield { text: `${text} 1` };
              // The page calls when it has this message.
              await first.promise;
              for (let index = 2; index <= 50; index++) {
                yield { text: `${text} ${"ö".repeat(index)}` };
              }
            },
          },
        });
        const { texts, error } = await page.evaluate((url) => grpcWebPage.stream(url, "m"), url);
        assert.equal(error, undefined);
        assert.equal(texts.length, 50);
        assert.equal(texts[0], "m 1");
        assert.equal(texts.at(-1), `m ${"ö".repeat(50)}`);
      });

      test("an error, before and after messages, with its trailing metadata", async (t) => {
        const refusal = () =>
          new ConnectError("höchstens zehn", Code.ResourceExhausted, { "x-reason": "because" });
        const { page, url } = await open(t, {
          handlers: {
            unary() {
              throw refusal();
            },
            async *serverStream({ text }) {
              yield { text };
              throw refusal();
            },
          },
        });
        const [unary, stream] = await page.evaluate(
          (url) => Promise.all([grpcWebPage.unary(url, "m"), grpcWebPage.stream(url, "m")]),
          url,
        );
        assert.deepEqual(unary.texts, []);
        assert.deepEqual(stream.texts, ["m"]);
        for (const { error } of [unary, stream]) {
          assert.equal(error?.code, Code.ResourceExhausted);
          assert.equal(error?.message, "höchstens zehn");
          assert.equal(error?.metadata["x-reason"], "because");
        }
      });

      test("an unknown method is UNIMPLEMENTED", async (t) => {
        const { page, url } = await open(t);
        const { error } = await page.evaluate((url) => grpcWebPage.unknown(url), url);
        assert.equal(error?.code, Code.Unimplemented);
        assert.equal(error?.message, "/testing.v1.EchoService/Unknown is not implemented");
      });

      test("a page that may not call sees no answer", async (t) => {
        const { page, url } = await open(t, {}, ["https://elsewhere.example"]);
        const { texts, error } = await page.evaluate((url) => grpcWebPage.unary(url, "m"), url);
        assert.deepEqual(texts, []);
        assert.notEqual(error, undefined);
      });
    });

    /** The page, and a server which that page, unless `origins` says otherwise, may call. */
    async function open(
      t: TestContext,
      options: EchoServerOptions = {},
      origins: string[] = [pageServer.origin],
    ): Promise<{ page: Page; url: string }> {
      const headers = ["custom-header-1"];
      const cors = { origins, allowedHeaders: headers, exposedHeaders: headers };
      const { url } = await startEchoServer(t, {
        ...options,
        // Chromium speaks HTTP/2 over TLS only.
        tls: httpVersion === "2" ? createCertificate() : undefined,
        cors,
      });
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      t.after(() => context.close());
      const page = await context.newPage();
      await page.goto(pageServer.origin);
      return { page, url };
    }
  }
});
