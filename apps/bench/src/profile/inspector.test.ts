import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { connectInspector, nameWorker } from "./inspector.ts";

suite("the inspector", () => {
  test("names a worker thread by its program", () => {
    assert.equal(nameWorker("file:///x/sqlite/writer.ts"), "writer");
    assert.equal(nameWorker("file:///x/worker.js"), "worker");
    assert.equal(nameWorker("[worker eval]"), "worker");
  });

  test("of a server that there is not cannot be reached", async () => {
    await assert.rejects(connectInspector(1));
  });
});
