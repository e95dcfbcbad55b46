import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { type ChatClient, createChatClient } from "@parley/client";
import { launchChromium } from "@parley/testing/chromium";
import { startServerProcess } from "@parley/testing/server-process";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { buildIfStale } from "../build/build-web-app.ts";
import { composer, isLive, isShown, say } from "../src/testing/web-page.ts";
import { conversation } from "./seed-conversation.ts";

// Takes the pictures of the README; with --all those of every screen, light and dark, wide
// and narrow, to look at.
const folder = fileURLToPath(new URL("../screenshots/", import.meta.url));
const takesAll = process.argv.includes("--all");

const wide = { viewport: { width: 1280, height: 800 } };
const narrow = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const members = ["Grace Hopper", "Ken Thompson", "Radia Perlman"];

interface Setting {
  readonly browser: Browser;
  readonly url: string;
  readonly client: ChatClient;
  readonly name: (screen: string) => string;
  readonly context: BrowserContextOptions;
}

async function main(): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await buildIfStale();
  const data = mkdtempSync(join(tmpdir(), "parley-"));
  const server = await startServerProcess(["--data", data, "--port", "0"]);
  const browser = await launchChromium();
  const leaving = new AbortController();
  try {
    const { url } = server;
    const client = createChatClient(createGrpcTransport({ baseUrl: url }));
    await client.upload(conversation(Date.now()));
    await Promise.all(members.map((user) => stay(client, user, leaving.signal)));
    const setting = { browser, url, client };
    const light = { ...wide, colorScheme: "light" } as const;
    const dark = { ...wide, colorScheme: "dark" } as const;
    await takeChat({ ...setting, name: (screen) => `${screen}-light`, context: light });
    await takeChat({ ...setting, name: (screen) => `${screen}-dark`, context: dark });
    await takeMetrics({ ...setting, name: (screen) => screen, context: light });
    const phone = { ...narrow, colorScheme: "light" } as const;
    await takeChat({ ...setting, name: () => "phone", context: phone });
    if (takesAll) {
      for (const theme of ["light", "dark"] as const) {
        for (const [size, context] of Object.entries({ wide, narrow })) {
          await takeOthers({
            ...setting,
            name: (screen) => `all-${screen}-${size}-${theme}`,
            context: { ...context, colorScheme: theme },
          });
        }
      }
    }
  } finally {
    leaving.abort();
    await browser.close();
    await server.stop("SIGKILL");
    rmSync(data, { recursive: true, force: true });
  }
}

/** Has somebody be in the room. */
async function stay(client: ChatClient, user: string, signal: AbortSignal): Promise<void> {
  const arrived = Promise.withResolvers<void>();
  const subscription = client.subscribe(
    { room: "general", user },
    { signal, onStateChange: ({ name }) => name === "live" && arrived.resolve() },
  );
  void (async () => {
    for await (const _ of subscription);
  })();
  await arrived.promise;
}

async function open(setting: Setting, fragment: string, user = "Ada Lovelace"): Promise<Page> {
  const { browser, url, context } = setting;
  const opened = await browser.newContext({
    ...context,
    reducedMotion: "reduce",
    storageState: {
      cookies: [],
      origins: user ? [{ origin: url, localStorage: await memoryOf(setting.client, user) }] : [],
    },
  });
  const page = await opened.newPage();
  await page.goto(`${url}/${fragment}`);
  return page;
}

/** What the browser remembers: who it is, and what was read. */
async function memoryOf(client: ChatClient, user: string) {
  const { head } = await client.listMessages({ room: "support", pageSize: 1 });
  const read = { support: { epoch: head?.epoch, sequence: "1" } };
  return [
    { name: "parley.user", value: JSON.stringify(user) },
    { name: "parley.read", value: JSON.stringify(read) },
  ];
}

async function shoot(setting: Setting, page: Page, screen: string): Promise<void> {
  await page.screenshot({ path: join(folder, `${setting.name(screen)}.png`) });
}

async function takeChat(setting: Setting): Promise<void> {
  const page = await open(setting, "#/rooms/general");
  await isLive(page);
  await page.getByText("4 people here").waitFor();
  await shoot(setting, page, "chat");
  await page.context().close();
}

async function takeMetrics(setting: Setting): Promise<void> {
  const page = await open(setting, "#/metrics");
  const busy = new AbortController();
  const load = (async () => {
    while (!busy.signal.aborted) {
      await setting.client.upload(
        Array.from({ length: 200 }, (_, index) => ({
          room: "load",
          user: "load",
          content: `message ${index}`,
        })),
      );
      for (let call = 0; call < 40; call++) {
        await setting.client.listRooms();
      }
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  })();
  await page.getByRole("region", { name: "Deliveries" }).waitFor();
  await page.waitForTimeout(takesAll ? 8_000 : 58_000);
  await shoot(setting, page, "metrics");
  busy.abort();
  await load;
  await page.context().close();
}

async function takeOthers(setting: Setting): Promise<void> {
  const welcome = await open(setting, "", "");
  await welcome.getByRole("dialog").waitFor();
  await shoot(setting, welcome, "welcome");
  await welcome.context().close();

  const page = await open(setting, "");
  const isNarrow = setting.context.isMobile === true;
  await page.getByText("Choose a room").waitFor();
  await shoot(setting, page, "home");
  if (isNarrow) {
    await page.getByRole("button", { name: "Open the side bar" }).click();
    await page.getByRole("link", { name: "general" }).waitFor();
    await shoot(setting, page, "drawer");
    await page.keyboard.press("Escape");
  }
  await page.goto(`${setting.url}/#/rooms/general`);
  await isLive(page);
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox").fill("n");
  await shoot(setting, page, "switcher");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Show who is here" }).click();
  await shoot(setting, page, "people");
  await page.getByRole("button", { name: "Show who is here" }).click();

  await page.route("**/SendMessage", (route) =>
    route.fulfill({ status: 403, json: { code: "permission_denied", message: "no" } }),
  );
  await composer(page).fill("I will be there in a minute.");
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("alert").filter({ hasText: "Not sent." }).waitFor();
  await shoot(setting, page, "failed");
  await page.getByRole("button", { name: "Discard" }).click();
  await page.unroute("**/SendMessage");

  await page.goto(`${setting.url}/#/rooms/quiet-corner`);
  await isLive(page);
  await shoot(setting, page, "empty");
  await page.goto(`${setting.url}/#/rooms/random`);
  await isLive(page);
  await setting.client.send({ room: "quiet-corner", user: "Ken Thompson", content: "Anybody?" });
  await page.goto(`${setting.url}/#/metrics`);
  await page.getByRole("region", { name: "Deliveries" }).waitFor();
  await page.waitForTimeout(3_000);
  await shoot(setting, page, "metrics");
  await page.goto(`${setting.url}/#/upload`);
  await page.getByText("Choose a file").waitFor();
  await shoot(setting, page, "upload");
  const lines = Array.from({ length: 5_000 }, (_, index) =>
    index % 900 === 7 ? "not JSON" : JSON.stringify({ content: `line ${index}` }),
  );
  const buffer = Buffer.from(lines.join("\n"));
  const file = { name: "archive-2025.ndjson", mimeType: "application/x-ndjson", buffer };
  await page.getByLabel("File").setInputFiles(file);
  await page.getByLabel("Room of lines that name none").fill("archive");
  await page.getByRole("button", { name: "Upload" }).click();
  await page.getByText("were left out").waitFor();
  await page.getByText(/messages stored/).waitFor();
  await page.mouse.wheel(0, 2_000);
  await page.waitForTimeout(200);
  await shoot(setting, page, "uploaded");
  await page.context().close();
  await takeLost(setting);
}

/** A page whose server goes away: its own, as the others go on. */
async function takeLost(setting: Setting): Promise<void> {
  const data = mkdtempSync(join(tmpdir(), "parley-"));
  const server = await startServerProcess(["--data", data, "--port", "0"]);
  const page = await open({ ...setting, url: server.url }, "#/rooms/general");
  await isLive(page);
  await say(page, "Hello?");
  if (setting.context.isMobile) {
    await page.getByRole("button", { name: "Send" }).click();
  }
  await isShown(page, "Hello?");
  await server.stop("SIGKILL");
  await page.getByText(/Reconnecting in [2-9] s/).waitFor();
  await shoot(setting, page, "reconnecting");
  await page.context().close();
  rmSync(data, { recursive: true, force: true });
}

await main();
