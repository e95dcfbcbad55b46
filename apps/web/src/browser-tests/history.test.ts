import assert from "node:assert/strict";
import { test } from "node:test";
import { browserSuite } from "../testing/browser-suite.ts";
import { isLive, openPage } from "../testing/web-page.ts";
import { seed, startWebServer } from "../testing/web-server.ts";

const messageCount = 10_000;

browserSuite("a long history", (browser) => {
  test(`${messageCount} messages scroll to the top without a jump or a hole`, async (t) => {
    const server = await startWebServer(t);
    await seed(server.client, "general", messageCount);
    const page = await openPage(browser(), server, {
      user: "Ada",
      fragment: "#/rooms/general",
      context: { viewport: { width: 1280, height: 1_600 } },
    });
    await isLive(page);
    await page.getByText(`message ${messageCount}`, { exact: true }).waitFor();
    const result = await page.evaluate(scrollToTop);
    t.diagnostic(
      `${result.frameCount} frames, the longest ${Math.round(result.longestFrameMs)} ms, ` +
        `the median ${Math.round(result.medianFrameMs)} ms; at most ${result.mostRows} rows drawn`,
    );
    assert.equal(result.seenCount, messageCount);
    assert.deepEqual(result.jumps, []);
    assert.ok(result.mostRows < 300, `${result.mostRows} rows are drawn at once`);
    // Far above what it takes: only a list that draws all of its rows would reach it.
    assert.ok(result.longestFrameMs < 2_000, `a frame took ${result.longestFrameMs} ms`);
    await page.getByText("This is where the room begins.").waitFor();
    await page.getByRole("button", { name: "Jump to latest" }).click();
    await page.getByText(`message ${messageCount}`, { exact: true }).waitFor();
  });
});

/** In the page: scrolls up frame by frame until the first message, and watches what is drawn. */
async function scrollToTop() {
  const stepPixels = 900;
  const scroller = document.querySelector("[role=log]") as HTMLElement;
  const rows = () => Array.from(scroller.querySelectorAll<HTMLElement>("article[data-sequence]"));
  const nextFrame = () => new Promise<number>((resolve) => requestAnimationFrame(resolve));
  const seen = new Set<string>();
  const frames: number[] = [];
  const jumps: string[] = [];
  let mostRows = 0;
  // With the first scroll the list draws, and measures, what is above the view.
  scroller.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowUp", bubbles: true }));
  scroller.scrollTop -= 40;
  for (let frame = 0; frame < 10; frame++) {
    await nextFrame();
  }
  let lastMs = await nextFrame();
  const note = () => {
    const drawn = rows();
    mostRows = Math.max(mostRows, drawn.length);
    for (const row of drawn) {
      seen.add(row.dataset.sequence ?? "");
    }
    return drawn;
  };
  for (let frame = 0; frame < 5_000; frame++) {
    const drawn = note();
    if (seen.has("1") && scroller.scrollTop === 0) {
      break;
    }
    // One that is still in view after the step.
    const { top } = scroller.getBoundingClientRect();
    const anchor = drawn.find((row) => row.getBoundingClientRect().top > top + 200);
    const beforePixels = anchor?.getBoundingClientRect().top ?? 0;
    const expectedPixels = Math.min(stepPixels, scroller.scrollTop);
    // Somebody scrolls: what moves otherwise is put right.
    scroller.dispatchEvent(new KeyboardEvent("keydown", { key: "PageUp", bubbles: true }));
    scroller.scrollTop -= stepPixels;
    const nowMs = await nextFrame();
    frames.push(nowMs - lastMs);
    lastMs = nowMs;
    // What it measures of new rows is put right after a frame.
    await nextFrame();
    lastMs = performance.now();
    if (anchor?.isConnected) {
      const movedPixels = anchor.getBoundingClientRect().top - beforePixels;
      if (Math.abs(movedPixels - expectedPixels) > 2) {
        jumps.push(
          `${frame} ${anchor.dataset.sequence}: ${movedPixels} instead of ${expectedPixels}`,
        );
      }
    }
  }
  frames.sort((a, b) => a - b);
  return {
    seenCount: seen.size,
    frameCount: frames.length,
    longestFrameMs: frames.at(-1) ?? 0,
    medianFrameMs: frames[Math.floor(frames.length / 2)] ?? 0,
    mostRows,
    jumps: jumps.slice(0, 10),
  };
}
