import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import type { OutgoingMessage, SendResult } from "@parley/client";
import { createOutbox } from "./outbox.ts";

const target = { room: "lobby", user: "ada" };
const stored: SendResult = { messageId: "msg_1", sequence: 1n, timestamp: new Date(0) };

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test("messages are sent one after the other, and stay until the room holds them", async () => {
  const sent: string[] = [];
  const answers: PromiseWithResolvers<SendResult>[] = [];
  const outbox = createOutbox(
    {
      send({ content }: OutgoingMessage) {
        sent.push(content);
        const answer = Promise.withResolvers<SendResult>();
        answers.push(answer);
        return answer.promise;
      },
    },
    target,
  );
  outbox.send("one");
  outbox.send("two");
  await settled();
  assert.deepEqual(sent, ["one"]);
  answers[0]?.resolve(stored);
  await settled();
  assert.deepEqual(sent, ["one", "two"]);
  const statuses = outbox.entries.get().map(({ status }) => status);
  assert.deepEqual(statuses, ["stored", "sending"]);
  outbox.settle(new Set(outbox.entries.get().map(({ key }) => key)));
  assert.deepEqual(outbox.entries.get(), []);
});

test("a message that failed is sent again with the same key", async () => {
  const keys: (string | undefined)[] = [];
  const outbox = createOutbox(
    {
      async send({ idempotencyKey }: OutgoingMessage) {
        keys.push(idempotencyKey);
        if (keys.length === 1) {
          throw new ConnectError("no", Code.PermissionDenied);
        }
        return stored;
      },
    },
    target,
  );
  outbox.send("one");
  await settled();
  const [failed] = outbox.entries.get();
  assert.equal(failed?.status, "failed");
  assert.equal(failed?.problem, "The server does not allow this.");
  outbox.retry(failed?.key ?? "");
  await settled();
  assert.equal(outbox.entries.get()[0]?.status, "stored");
  assert.equal(keys[0], keys[1]);
});

test("what was discarded gives its content back", async () => {
  const outbox = createOutbox(
    { send: () => Promise.reject(new ConnectError("no", Code.Internal)) },
    target,
  );
  outbox.send("one");
  await settled();
  assert.equal(outbox.discard(outbox.entries.get()[0]?.key ?? ""), "one");
  assert.deepEqual(outbox.entries.get(), []);
});
