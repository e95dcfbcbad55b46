import assert from "node:assert/strict";
import { test } from "node:test";
import { type ReadLinesOptions, readLines } from "../index.ts";

async function linesOf(chunks: readonly (string | Uint8Array)[], options?: ReadLinesOptions) {
  async function* source() {
    yield* chunks.map((chunk) => Buffer.from(chunk));
  }
  const lines: string[] = [];
  for await (const { number, text } of readLines(source(), options)) {
    lines.push(`${number}:${text}`);
  }
  return lines;
}

test("lines come out the same however the bytes are cut", async () => {
  const bytes = Buffer.from("one\n\nthrée\r\nfour");
  for (let cut = 0; cut <= bytes.length; cut++) {
    const lines = await linesOf([bytes.subarray(0, cut), bytes.subarray(cut)]);
    assert.deepEqual(lines, ["1:one", "3:thrée\r", "4:four"]);
  }
});

test("an input without lines yields none", async () => {
  assert.deepEqual(await linesOf([]), []);
  assert.deepEqual(await linesOf(["\n", " \n"]), []);
});

test("a line that is not UTF-8 or too long is named", async () => {
  await assert.rejects(
    linesOf(["ok\n", Buffer.from([0xff, 0x0a])]),
    /^UploadLineError: line 2: not valid UTF-8/,
  );
  await assert.rejects(
    linesOf(["ok\n", "12345", "67890"], { maxLineBytes: 8 }),
    /line 2: longer than 8 bytes/,
  );
});

test("lines that are told to somebody are left out", async () => {
  const problems: string[] = [];
  const onBadLine = ({ message }: Error) => problems.push(message);
  const lines = await linesOf(
    ["ok\n", Buffer.from([0xff, 0x0a]), "12345", "67890", "12345\nfine"],
    { maxLineBytes: 8, onBadLine },
  );
  assert.deepEqual(lines, ["1:ok", "4:fine"]);
  assert.deepEqual(problems, ["line 2: not valid UTF-8", "line 3: longer than 8 bytes"]);
});

test("reads no further than its consumer", async () => {
  let chunksRead = 0;
  async function* source() {
    for (;;) {
      chunksRead++;
      yield Buffer.from("a\nb\n");
    }
  }
  for await (const line of readLines(source())) {
    if (line.number === 4) {
      break;
    }
  }
  assert.equal(chunksRead, 2);
});
