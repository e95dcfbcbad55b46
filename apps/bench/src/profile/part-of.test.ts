import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { partOf, shortLocation } from "./part-of.ts";

const root = new URL("../../../..", import.meta.url).href;
const frame = (url: string, functionName = "f", lineNumber = url ? 11 : -1) => ({
  functionName,
  url,
  lineNumber,
});

suite("parts of a server", () => {
  for (const [url, part] of [
    ["node:internal/http2/core", "node:http2"],
    ["node:internal/streams/writable", "node:stream"],
    ["node:events", "node:events"],
    ["node:net", "other node: modules"],
    [`${root}node_modules/.pnpm/@a+b@1/node_modules/@a/b/dist/x.js`, "@a/b"],
    [`${root}node_modules/fastify/lib/x.js`, "fastify"],
    [`${root}packages/host/src/lean/lean-call.ts`, "@parley/host"],
    [`${root}apps/server/src/rooms/room.ts`, "server"],
    [`${root}apps/bench/src/peers/queue.ts`, "peer"],
    ["evalmachine.<anonymous>", "other"],
  ] as const) {
    test(`${part}: ${url.replace(root, "")}`, () => {
      assert.equal(partOf(frame(url), undefined), part);
    });
  }

  test("native code is told apart by its name and its caller", () => {
    const sqlite = frame(`${root}apps/server/src/log/sqlite/writer.ts`);
    const native = "native code (sockets, nghttp2)";
    assert.equal(partOf(frame("", "(idle)"), undefined), "idle");
    assert.equal(partOf(frame("", "(garbage collector)"), sqlite), "garbage collector");
    assert.equal(partOf(frame("", "(program)"), undefined), native);
    assert.equal(partOf(frame("", "runMicrotasks"), undefined), "promises (V8)");
    assert.equal(partOf(frame("", "run"), sqlite), "SQLite");
    assert.equal(partOf(frame("", "postMessage"), sqlite), native);
    assert.equal(partOf(frame("", "get"), frame("node:internal/http2/core")), native);
  });

  test("a function that was made from a string belongs to its caller", () => {
    const caller = frame(`${root}node_modules/protobufjs/src/type.js`);
    assert.equal(partOf(frame("", "Message$encode", 3), caller), "protobufjs");
  });

  test("locations are short, and lines count from 1", () => {
    assert.equal(
      shortLocation(frame(`${root}packages/host/src/lean/lean-call.ts`)),
      "host/src/lean/lean-call.ts:12",
    );
    assert.equal(
      shortLocation(frame(`${root}node_modules/.pnpm/a@1/node_modules/a/x.js`)),
      "a/x.js:12",
    );
    assert.equal(shortLocation(frame("node:events")), "node:events:12");
    assert.equal(shortLocation(frame("")), "");
  });
});
