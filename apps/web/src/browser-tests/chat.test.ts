import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { browserSuite } from "../testing/browser-suite.ts";
import { composer, isLive, isShown, openPage, say, shownTexts } from "../testing/web-page.ts";
import { seed, startWebServer } from "../testing/web-server.ts";

browserSuite("chatting", (browser) => {
  test("two pages chat with each other and see who is there", async (t) => {
    const server = await startWebServer(t);
    const ada = await openPage(browser(), server, { user: "Ada", fragment: "#/rooms/general" });
    const ben = await openPage(browser(), server, { user: "Ben", fragment: "#/rooms/general" });
    await Promise.all([isLive(ada), isLive(ben)]);
    await say(ada, "Hello Ben");
    await isShown(ben, "Hello Ben");
    await say(ben, "Hello Ada");
    await isShown(ada, "Hello Ada");
    assert.deepEqual(await shownTexts(ada), ["Hello Ben", "Hello Ada"]);
    const people = ada.getByRole("complementary", { name: "Who is here" });
    await people.getByText("Ben").waitFor();
    await ada.getByText("2 people here").waitFor();
  });

  test("who comes and goes is shown without asking for all rooms again", async (t) => {
    const server = await startWebServer(t);
    const page = await openPage(browser(), server, { user: "Ada", fragment: "#/rooms/general" });
    await isLive(page);
    const startedAtMs = performance.now();
    let listedCount = 0;
    page.on("request", (request) => {
      listedCount += Number(request.url().includes("ListRooms"));
    });
    const leaving = new AbortController();
    const guests = Array.from({ length: 30 }, async (_, index) => {
      const request = { room: "general", user: `guest ${index}` };
      for await (const _ of server.client.subscribe(request, { signal: leaving.signal }));
    });
    await page.getByText("31 people here").waitFor();
    leaving.abort();
    await Promise.all(guests);
    await page.getByText("1 person here").waitFor();
    // The list is renewed every four seconds, whatever happens.
    const most = 2 + (performance.now() - startedAtMs) / 4_000;
    assert.ok(listedCount <= most, `${listedCount} times, where ${most} is due`);
  });

  test("what was said elsewhere is counted until it is read", async (t) => {
    const server = await startWebServer(t);
    const page = await openPage(browser(), server, { user: "Ada", fragment: "#/rooms/one" });
    await isLive(page);
    await say(page, "I was here");
    await isShown(page, "I was here");
    await page.goto(`${server.url}/#/rooms/two`);
    await isLive(page);
    await server.client.send({ room: "one", user: "Ben", content: "first news" });
    await server.client.send({ room: "one", user: "Ben", content: "second news" });
    const link = page.getByRole("link", { name: "one 2 unread" });
    await link.waitFor();
    await page.reload();
    await link.click();
    await isShown(page, "second news");
    await page.getByText("New messages", { exact: true }).waitFor();
    await page.getByRole("link", { name: "one", exact: true }).waitFor();
  });

  test("text is shown as it was written, markup included", async (t) => {
    const server = await startWebServer(t);
    const text =
      '<img src=x onerror="document.title=1"> <script>alert(1)</script>\n  &amp; **two** lines';
    await server.client.send({ room: "general", user: "<i>Eve</i>", content: text });
    const page = await openPage(browser(), server, { user: "Ada", fragment: "#/rooms/general" });
    await isLive(page);
    assert.deepEqual(await shownTexts(page), [text]);
    await page.getByText("<i>Eve</i>").first().waitFor();
    assert.equal(await page.locator("article img, article script, article i").count(), 0);
  });

  test("everything by keyboard", async (t) => {
    const server = await startWebServer(t);
    const page = await openPage(browser(), server);
    const { keyboard } = page;
    await page.getByRole("textbox", { name: "Your name" }).waitFor();
    await keyboard.type("Ada");
    await keyboard.press("Enter");
    await page.getByText("It is quiet here").waitFor();
    await keyboard.press("Control+k");
    await keyboard.type("first room");
    await page.getByRole("option", { name: "Create “first room”" }).waitFor();
    await keyboard.press("Enter");
    await isLive(page);
    await isFocused(page, "Message to first room");
    await keyboard.type("one");
    await keyboard.press("Shift+Enter");
    await keyboard.type("two");
    await keyboard.press("Enter");
    await isShown(page, "one\ntwo");
    await keyboard.press("Control+k");
    await keyboard.type("second room");
    await keyboard.press("Enter");
    await isFocused(page, "Message to second room");
    await isLive(page);
    await page.getByRole("link", { name: "first room" }).waitFor();
    await keyboard.press("Alt+ArrowUp");
    await isShown(page, "one\ntwo");
    await keyboard.press("ArrowUp");
    await isFocused(page, "Messages in first room");
    await keyboard.press("Control+k");
    await keyboard.press("Escape");
    assert.equal(await page.getByRole("dialog").count(), 0);
  });

  test("a message that failed is told so, and retried once", async (t) => {
    const server = await startWebServer(t);
    const page = await openPage(browser(), server, {
      user: "Ada",
      fragment: "#/rooms/general",
      allowsFailedCalls: true,
    });
    await isLive(page);
    await page.route("**/SendMessage", (route) =>
      route.fulfill({ status: 403, json: { code: "permission_denied", message: "not now" } }),
    );
    await say(page, "try this");
    const problem = page.getByRole("alert").filter({ hasText: "Not sent." });
    await problem.waitFor();
    assert.ok(await problem.isVisible());
    await page.unroute("**/SendMessage");
    await problem.getByRole("button", { name: "Retry" }).click();
    await isShown(page, "try this");
    await problem.waitFor({ state: "detached" });
    assert.deepEqual(await shownTexts(page), ["try this"]);
    const { messages } = await server.client.listMessages({ room: "general" });
    assert.deepEqual(
      messages.map(({ content }) => content),
      ["try this"],
    );
  });

  test("a message whose answer was lost is shown once", async (t) => {
    const server = await startWebServer(t);
    const page = await openPage(browser(), server, {
      user: "Ada",
      fragment: "#/rooms/general",
      allowsFailedCalls: true,
    });
    await isLive(page);
    let isLost = false;
    await page.route("**/SendMessage", async (route) => {
      if (isLost) {
        return route.continue();
      }
      isLost = true;
      await route.fetch();
      return route.abort("connectionreset");
    });
    await say(page, "only once");
    await isShown(page, "only once");
    await say(page, "and then this");
    await isShown(page, "and then this");
    assert.deepEqual(await shownTexts(page), ["only once", "and then this"]);
    const { messages } = await server.client.listMessages({ room: "general" });
    assert.equal(messages.length, 2);
  });

  test("what one says is in view, however much stands above", async (t) => {
    const server = await startWebServer(t);
    await seed(server.client, "general", 400);
    const page = await openPage(browser(), server, { user: "Ada", fragment: "#/rooms/general" });
    await isLive(page);
    await page.getByRole("log").hover();
    await page.mouse.wheel(0, -900);
    await page.getByRole("button", { name: "Jump to latest" }).waitFor();
    await server.client.send({ room: "general", user: "Ben", content: "from below" });
    await page.getByRole("button", { name: "1 new message" }).waitFor();
    await composer(page).fill("my answer");
    await page.getByRole("button", { name: "Send" }).click();
    await isShown(page, "my answer");
    await isInView(page, "my answer");
    await server.client.send({ room: "general", user: "Ben", content: "and mine" });
    await isShown(page, "and mine");
    await isInView(page, "and mine");
  });

  test("six tabs at once over HTTP/1.1", async (t) => {
    const server = await startWebServer(t);
    const first = await openPage(browser(), server, { user: "Ada", fragment: "#/rooms/general" });
    const others: Page[] = [];
    for (let count = 1; count < 6; count++) {
      const page = await first.context().newPage();
      await page.goto(`${server.url}/#/rooms/general`);
      others.push(page);
    }
    const pages = [first, ...others];
    await Promise.all(pages.map(isLive));
    for (const [index, page] of pages.entries()) {
      await say(page, `from tab ${index}`);
    }
    for (const page of pages) {
      await Promise.all(pages.map((_, index) => isShown(page, `from tab ${index}`)));
    }
    const protocol = await first.evaluate(
      () =>
        (performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming)
          .nextHopProtocol,
    );
    assert.equal(protocol, "http/1.1");
    await first.goto(`${server.url}/#/metrics`);
    await first.getByRole("region", { name: "Memory" }).waitFor();
  });

  test("light and dark, chosen and remembered", async (t) => {
    const server = await startWebServer(t);
    const page = await openPage(browser(), server, {
      user: "Ada",
      context: { colorScheme: "light" },
    });
    const surface = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await surface();
    await page.getByRole("button", { name: "Switch to the dark theme" }).click();
    const dark = await surface();
    assert.notEqual(dark, light);
    await page.reload();
    assert.equal(await surface(), dark);
    await page.getByRole("button", { name: "Switch to the light theme" }).click();
    assert.equal(await surface(), light);
  });

  test("at the width of a phone the rooms are in a drawer", async (t) => {
    const server = await startWebServer(t);
    await server.client.send({ room: "general", user: "Ben", content: "hello" });
    const page = await openPage(browser(), server, {
      user: "Ada",
      context: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
    });
    await page.getByRole("button", { name: "Open the side bar" }).click();
    await page.getByRole("link", { name: "general" }).click();
    await isLive(page);
    await composer(page).fill("from a phone");
    await page.getByRole("button", { name: "Send" }).click();
    await isShown(page, "from a phone");
    const isWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
    assert.equal(isWide, false);
  });
});

/** Resolves when this message is wholly within what the list shows. */
async function isInView(page: Page, text: string): Promise<void> {
  await page.waitForFunction((wanted) => {
    const message = Array.from(document.querySelectorAll(".message-text")).find(
      ({ textContent }) => textContent === wanted,
    );
    const list = document.querySelector("[role=log]");
    return (
      message !== undefined &&
      list !== null &&
      message.getBoundingClientRect().bottom <= list.getBoundingClientRect().bottom
    );
  }, text);
}

async function isFocused(page: Page, label: string): Promise<void> {
  await page.waitForFunction(
    (wanted) => document.activeElement?.getAttribute("aria-label") === wanted,
    label,
  );
}
