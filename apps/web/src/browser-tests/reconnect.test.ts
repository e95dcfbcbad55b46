import assert from "node:assert/strict";
import { test } from "node:test";
import { browserSuite } from "../testing/browser-suite.ts";
import { isLive, isShown, openPage, say, shownTexts } from "../testing/web-page.ts";
import { startWebServer } from "../testing/web-server.ts";

browserSuite("losing the server", (browser) => {
  test("every message is shown once and in order, whatever the server goes through", async (t) => {
    const server = await startWebServer(t);
    const page = await openPage(browser(), server, {
      user: "Ada",
      fragment: "#/rooms/general",
      allowsFailedCalls: true,
      // So high that no message is out of view.
      context: { viewport: { width: 1280, height: 3_600 } },
    });
    await isLive(page);
    const expected: string[] = [];
    const sendFromElsewhere = async (count: number) => {
      for (let index = 0; index < count; index++) {
        const content = `message ${expected.length + 1}`;
        await server.client.send({ room: "general", user: "Ben", content });
        expected.push(content);
      }
    };
    await sendFromElsewhere(20);
    for (let round = 1; round <= 2; round++) {
      // Some of them are still on their way to the page.
      await server.kill();
      const bar = page.getByText("The server can’t be reached.");
      await bar.waitFor();
      await page.getByText("Offline", { exact: true }).waitFor();
      const own = `said while it was away ${round}`;
      await say(page, own);
      await page.getByText(own).waitFor();
      await server.restart();
      await page
        .getByRole("button", { name: "Try now" })
        .click({ timeout: 1_000 })
        // It came back by itself.
        .catch(() => {});
      await isLive(page);
      await bar.waitFor({ state: "detached" });
      await isShown(page, own);
      expected.push(own);
      await sendFromElsewhere(20);
      await isShown(page, expected.at(-1) as string);
    }
    assert.deepEqual(await shownTexts(page), expected);
  });

  test("a room that was started anew is shown anew", async (t) => {
    const server = await startWebServer(t);
    const page = await openPage(browser(), server, {
      user: "Ada",
      fragment: "#/rooms/general",
      allowsFailedCalls: true,
    });
    await isLive(page);
    await say(page, "before");
    await isShown(page, "before");
    await server.kill();
    await page.getByText("Offline", { exact: true }).waitFor();
    await server.restart(["--new-epoch"]);
    await isLive(page);
    await page.getByText("The server no longer keeps what stood here before.").waitFor();
    await say(page, "after");
    await isShown(page, "after");
    assert.deepEqual(await shownTexts(page), ["before", "after"]);
  });
});
