import { after, before, suite } from "node:test";
import { launchChromium } from "@parley/testing/chromium";
import { needsTools } from "@parley/testing/tools";
import type { Browser } from "playwright-core";

/**
 * A suite of tests that share a Chromium; it is skipped where that, or another of the
 * tools, is missing.
 */
export function browserSuite(
  name: string,
  tests: (browser: () => Browser) => void,
  ...tools: string[]
): void {
  suite(`${name} in Chromium`, needsTools("chromium", ...tools), () => {
    let browser: Browser;
    before(async () => {
      browser = await launchChromium();
    });
    after(() => browser?.close());
    tests(() => browser);
  });
}
