import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { browserSuite } from "../testing/browser-suite.ts";
import { openPage } from "../testing/web-page.ts";
import { startWebServer } from "../testing/web-server.ts";

const lineCount = 100_000;

browserSuite("uploading", (browser) => {
  test(`a file of ${lineCount} lines, two of them bad, and once more`, async (t) => {
    const server = await startWebServer(t);
    const page = await openPage(browser(), server, { user: "Ada", fragment: "#/upload" });
    await page.getByLabel("File").setInputFiles(writeLines(t));
    await page.getByLabel("Room of lines that name none").fill("archive");
    await page.getByRole("button", { name: "Upload" }).click();
    const result = page.getByRole("region", { name: "Upload" });
    await result.getByText("99,998 messages stored").waitFor({ timeout: 300_000 });
    await result.getByText("2 lines were left out.").waitFor();
    await result.getByText("line 500").waitFor();
    await result.getByText('no "content"').waitFor();
    t.diagnostic(await result.getByRole("term").locator("..").allTextContents().then(String));

    const { rooms } = await server.client.listRooms();
    const archive = rooms.find(({ name }) => name === "archive");
    assert.equal(archive?.messageCount, 99_998n);

    await page.getByRole("button", { name: "Upload" }).click();
    await result.getByText("99,998 messages stored, 99,998 of them before").waitFor({
      timeout: 300_000,
    });
    await page.getByRole("link", { name: "Go to # archive" }).click();
    await page.getByText("line 100000", { exact: true }).waitFor();
  });

  test("an upload is cancelled", async (t) => {
    const server = await startWebServer(t);
    const page = await openPage(browser(), server, { user: "Ada", fragment: "#/upload" });
    // The server gets the first frames and no more: the upload is not done before it is cancelled.
    await page.routeWebSocket(/UploadMessages$/, (socket) => {
      const forwarded = socket.connectToServer();
      let frameCount = 0;
      socket.onMessage((frame) => {
        frameCount++;
        if (frameCount <= 10) {
          forwarded.send(frame);
        }
      });
    });
    await page.reload();
    await page.getByLabel("File").setInputFiles(writeLines(t));
    await page.getByLabel("Room of lines that name none").fill("archive");
    await page.getByRole("button", { name: "Upload" }).click();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText("Cancelled", { exact: true }).waitFor();
  });
});

function writeLines(t: TestContext): string {
  const path = join(temporaryFolder(t), "messages.ndjson");
  const lines = Array.from({ length: lineCount }, (_, index) => {
    const number = index + 1;
    if (number === 500) {
      return "nonsense";
    }
    return JSON.stringify(number === 70_000 ? {} : { content: `line ${number}`, user: "importer" });
  });
  writeFileSync(path, lines.join("\n"));
  return path;
}
