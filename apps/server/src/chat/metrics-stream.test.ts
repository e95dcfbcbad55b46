import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { frameMessages } from "@parley/host/envelope";
import { MetricSchema, MetricsRequestSchema } from "@parley/proto/chat/v1";
import type { SampleListener } from "../telemetry/metrics-sampler.ts";
import { openChatContext } from "../testing/chat-context.ts";
import { readFrames, waysToRead } from "../testing/read-responses.ts";
import { createChatService } from "./chat-service.ts";

async function openMetrics(t: TestContext) {
  const listeners = new Map<SampleListener, number>();
  const context = {
    ...(await openChatContext(t)),
    sampler: {
      subscribe(intervalSeconds: number, listener: SampleListener) {
        listeners.set(listener, intervalSeconds);
        return () => void listeners.delete(listener);
      },
    },
  };
  const sample = (count: number) => {
    // Every field of an empty message has its default value.
    const bytes = frameMessages(Array.from({ length: count }, () => Buffer.alloc(0)));
    for (const listener of listeners.keys()) {
      listener.onSample({ bytes, messageCount: count });
    }
  };
  const { streamMetrics } = createChatService(context);
  const request = create(MetricsRequestSchema, { instanceId: "another", intervalSeconds: 0 });
  const call = (to: object) => streamMetrics(request, to as never);
  return { context, listeners, sample, call };
}

for (const [way, read] of Object.entries(waysToRead)) {
  suite(`metrics read ${way}`, () => {
    test("come each interval, until the caller leaves", async (t) => {
      const { listeners, sample, call } = await openMetrics(t);
      const metrics = read(MetricSchema, call);
      const next = metrics.next();
      assert.deepEqual([...listeners.values()], [1]);
      sample(2);
      assert.equal((await next)?.value, 0);
      assert.equal((await metrics.next())?.value, 0);
      const last = metrics.next().catch(() => {});
      metrics.leave();
      await last;
      assert.equal(listeners.size, 0);
    });

    test("end with UNAVAILABLE when the server drains", async (t) => {
      const { context, listeners, call } = await openMetrics(t);
      const metrics = read(MetricSchema, call);
      const next = metrics.next();
      context.beginDrain();
      await assert.rejects(next, { code: Code.Unavailable });
      assert.equal(listeners.size, 0);
      await assert.rejects(read(MetricSchema, call).next(), { code: Code.Unavailable });
      assert.equal(listeners.size, 0);
    });
  });
}

test("a slow reader misses samples, and holds none", async (t) => {
  const { sample, call } = await openMetrics(t);
  const { sink, leave } = readFrames(MetricSchema, call);
  sink.isFull = true;
  sample(2);
  assert.deepEqual(sink.writes, []);
  sink.drain();
  sample(3);
  assert.deepEqual(sink.writes, [3]);
  leave();
});
