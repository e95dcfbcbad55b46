import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError, createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { ChatService } from "@parley/proto/chat/v1";
import { createChatClient } from "../index.ts";
import { silence } from "../testing/scripted-server.ts";

function clientOf(streamMetrics: ServiceImpl<typeof ChatService>["streamMetrics"]) {
  return createChatClient(
    createRouterTransport((router) => router.service(ChatService, { streamMetrics })),
    { backoff: { initialMs: 1, maxMs: 2 } },
  );
}

const metric = (value: number) => ({ name: "cpu_usage", value, labels: { instance: "a" } });

test("metrics end quietly with the signal and are cancelled by a break", async () => {
  const { promise: cancelled, resolve: onCancel } = Promise.withResolvers<void>();
  const client = clientOf(async function* ({ instanceId, intervalSeconds }, context) {
    assert.equal(intervalSeconds, 2);
    context.signal.addEventListener("abort", () => instanceId === "b" && onCancel());
    yield { name: "cpu_usage", value: 1, labels: { instance: instanceId } };
    await silence(context);
  });
  const controller = new AbortController();
  let count = 0;
  const request = { instanceId: "a", intervalSeconds: 2 };
  for await (const { labels } of client.streamMetrics(request, { signal: controller.signal })) {
    assert.equal(labels.instance, "a");
    count++;
    controller.abort();
  }
  assert.equal(count, 1);
  for await (const _ of client.streamMetrics({ ...request, instanceId: "b" })) {
    break;
  }
  await cancelled;
});

test("a stream of metrics that broke is followed by another", async () => {
  let streamCount = 0;
  const client = clientOf(async function* (_, context) {
    yield metric(++streamCount);
    if (streamCount < 3) {
      throw new ConnectError("draining", Code.Unavailable);
    }
    await silence(context);
  });
  const states: string[] = [];
  const values: number[] = [];
  for await (const { value } of client.streamMetrics(
    {},
    { onStateChange: ({ name }) => states.push(name) },
  )) {
    values.push(value);
    if (value === 3) {
      break;
    }
  }
  assert.deepEqual(values, [1, 2, 3]);
  const once = ["connecting", "open", "waiting"];
  assert.deepEqual(states, [...once, ...once, "connecting", "open", "closed"]);
});

test("an error that trying again cannot mend ends metrics with that error", async () => {
  const client = clientOf(
    // biome-ignore lint/correctness/useYield: a stream that fails before its first message
    async function* () {
      throw new ConnectError("not for you", Code.PermissionDenied);
    },
  );
  await assert.rejects(
    async () => {
      for await (const _ of client.streamMetrics());
    },
    (error) => error instanceof ConnectError && error.code === Code.PermissionDenied,
  );
});

test("return() ends a next() that waits for a metric", async () => {
  const client = clientOf(async function* (_, context) {
    yield metric(1);
    await silence(context);
  });
  const metrics = client.streamMetrics({ intervalSeconds: 3_600 })[Symbol.asyncIterator]();
  await metrics.next();
  const next = metrics.next();
  await metrics.return?.();
  assert.deepEqual(await next, { done: true, value: undefined });
});
