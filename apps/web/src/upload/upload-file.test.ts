import assert from "node:assert/strict";
import { test } from "node:test";
import type { UploadMessage, UploadOptions } from "@parley/client";
import { type UploadProgress, uploadFile } from "./upload-file.ts";

const signal = new AbortController().signal;
const defaults = { room: "lobby", user: "ada" };

function fileOf(text: string): File {
  return new File([text], "messages.ndjson", { lastModified: 7 });
}

/** A client that takes everything. */
function takingClient() {
  const taken: UploadMessage[] = [];
  return {
    taken,
    async upload(
      messages: Iterable<UploadMessage> | AsyncIterable<UploadMessage>,
      { onProgress }: UploadOptions = {},
    ) {
      for await (const message of messages) {
        taken.push(message);
        onProgress?.(taken.length);
      }
      return { messageCount: taken.length, duplicateCount: 0 };
    },
  };
}

test("bad lines are left out and named, the rest is uploaded", async () => {
  const client = takingClient();
  const file = fileOf(
    '{"content":"one"}\nnonsense\n\n{"content":""}\n{"content":"two","user":"ben"}',
  );
  const seen: UploadProgress[] = [];
  const outcome = await uploadFile({
    client,
    file,
    defaults,
    signal,
    onProgress: (progress) => seen.push(progress),
  });
  assert.deepEqual(
    client.taken.map(({ content, user, room }) => [content, user, room]),
    [
      ["one", "ada", "lobby"],
      ["two", "ben", "lobby"],
    ],
  );
  assert.deepEqual([outcome.messageCount, outcome.badCount], [2, 2]);
  assert.deepEqual(
    outcome.badLines.map(({ message }) => message),
    ["line 2: not a JSON object", 'line 4: no "content"'],
  );
  assert.equal(outcome.readBytes, file.size);
  assert.equal(seen.at(-1)?.sent, 2);
});

test("the same file has the same keys, and a line keeps its own", async () => {
  const text = '{"content":"one"}\n{"content":"two","idempotencyKey":"mine"}\n';
  const keysOf = async (file: File) => {
    const client = takingClient();
    await uploadFile({ client, file, defaults, signal, onProgress: () => {} });
    return client.taken.map(({ idempotencyKey }) => idempotencyKey);
  };
  const [first, second] = await keysOf(fileOf(text));
  assert.deepEqual(await keysOf(fileOf(text)), [first, second]);
  assert.equal(second, "mine");
  const [changed] = await keysOf(fileOf(`${text}\n`));
  assert.notEqual(changed, first);
});
