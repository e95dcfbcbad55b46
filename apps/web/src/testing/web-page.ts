import assert from "node:assert/strict";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import type { WebServer } from "./web-server.ts";

export interface OpenPageOptions {
  /** Who uses it; nobody yet if it is left out. */
  readonly user?: string;
  /** Where it goes, for example "#/rooms/general". */
  readonly fragment?: string;
  /** Whether it is part of the test that calls fail: the browser writes them to the console. */
  readonly allowsFailedCalls?: boolean;
  readonly context?: BrowserContextOptions;
}

/**
 * Opens a page in a browser context of its own. When the test is over it fails if, in
 * any page of that context, anything was written to the console as an error, thrown and
 * not caught, or against the policy.
 */
export async function openPage(
  browser: Browser,
  server: Pick<WebServer, "url" | "beforeEnd">,
  options: OpenPageOptions = {},
): Promise<Page> {
  const { user, fragment = "", allowsFailedCalls = false, context: contextOptions } = options;
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    ...(user !== undefined && {
      storageState: {
        cookies: [],
        origins: [
          {
            origin: server.url,
            localStorage: [{ name: "parley.user", value: JSON.stringify(user) }],
          },
        ],
      },
    }),
    ...contextOptions,
  });
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
      console.error(`against the policy: ${violatedDirective} ${blockedURI}`);
    });
  });
  const problems: string[] = [];
  context.on("page", (opened) => watch(opened, allowsFailedCalls, problems));
  server.beforeEnd.push(async () => {
    await context.close();
    assert.deepEqual(problems, []);
  });
  const page = await context.newPage();
  await page.goto(`${server.url}/${fragment}`);
  return page;
}

function watch(page: Page, allowsFailedCalls: boolean, problems: string[]): void {
  page.on("pageerror", (error) => problems.push(error.stack ?? error.message));
  page.on("console", (message) => {
    const isFailedCall = /^(Failed to load resource|WebSocket connection to)/.test(message.text());
    if (["error", "warning"].includes(message.type()) && !(allowsFailedCalls && isFailedCall)) {
      problems.push(message.text());
    }
  });
}

/** Says something in the room that the page shows. */
export async function say(page: Page, text: string): Promise<void> {
  await composer(page).fill(text);
  await page.keyboard.press("Enter");
}

/** Where one says something. */
export function composer(page: Page): Locator {
  return page.getByRole("textbox", { name: /^Message to / });
}

/** Resolves when the page says that it shows all there is. */
export async function isLive(page: Page): Promise<void> {
  await page.getByRole("status").getByText("Live", { exact: true }).waitFor();
}

/** The texts of all messages that the page has drawn, from top to bottom. */
export async function shownTexts(page: Page): Promise<string[]> {
  return page.locator("article .message-text").allTextContents();
}

/** Resolves when a message with just this text is shown and stored. */
export async function isShown(page: Page, text: string): Promise<void> {
  await page.locator("article[data-sequence]").getByText(text, { exact: true }).waitFor();
}
