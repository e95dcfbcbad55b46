import assert from "node:assert/strict";
import { test } from "node:test";
import { browserSuite } from "../testing/browser-suite.ts";
import { isLive, isShown, openPage, say } from "../testing/web-page.ts";
import { startWebServer, tlsFlags } from "../testing/web-server.ts";

browserSuite(
  "over TLS",
  (browser) => {
    test("the page comes over HTTP/2, and chats", async (t) => {
      const server = await startWebServer(t, tlsFlags(t));
      const page = await openPage(browser(), server, {
        user: "Ada",
        fragment: "#/rooms/general",
        context: { ignoreHTTPSErrors: true },
      });
      await isLive(page);
      await say(page, "over TLS");
      await isShown(page, "over TLS");
      const protocols = await page.evaluate(() =>
        [
          ...performance.getEntriesByType("navigation"),
          ...performance.getEntriesByType("resource"),
        ].map((entry) => (entry as PerformanceResourceTiming).nextHopProtocol),
      );
      assert.deepEqual(Array.from(new Set(protocols)), ["h2"]);
      await page.goto(`${server.url}/#/metrics`);
      await page.getByRole("region", { name: "Memory" }).waitFor();
    });
  },
  "openssl",
);
