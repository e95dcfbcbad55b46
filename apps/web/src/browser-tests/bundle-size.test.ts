import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { buildIfStale, distFolder } from "../../build/build-web-app.ts";

const maxBytes = 150_000;

test("what a browser loads first is small, and nothing of it is written into the page", async (t) => {
  await buildIfStale();
  const page = readFileSync(join(distFolder, "index.html"), "utf8");
  const loaded = Array.from(page.matchAll(/(?:src|href)="\/([^"]+)"/g), ([, path]) => path ?? "");
  assert.ok(loaded.some((path) => /^assets\/.*\.js$/.test(path)));
  for (const extension of ["br", "gz"]) {
    const sizes = ["index.html", ...loaded].map(
      (path) => statSync(join(distFolder, `${path}.${extension}`)).size,
    );
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    t.diagnostic(`${extension}: ${bytes} bytes`);
    assert.ok(bytes < maxBytes, `${extension}: ${bytes} bytes`);
  }
  // The policy of the server would block them.
  assert.doesNotMatch(page, /<style|style=|<script(?![^>]*\ssrc=)/);
  const later = readdirSync(join(distFolder, "assets")).filter((name) => name.endsWith(".js"));
  for (const name of ["metrics-page", "upload-page"]) {
    assert.ok(later.some((file) => file.startsWith(name)));
    assert.ok(!loaded.some((path) => path.includes(name)));
  }
});
