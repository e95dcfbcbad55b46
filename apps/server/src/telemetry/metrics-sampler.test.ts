import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { type Metric, MetricSchema } from "@parley/proto/chat/v1";
import { messagesOf } from "../testing/read-responses.ts";
import { MetricsSampler, type Sample } from "./metrics-sampler.ts";

function openSampler(t: TestContext) {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let nowMs = 0;
  let readings = 0;
  const calls = { service: "a.B", method: "C", started: 0 };
  const metrics = { subscriptionCount: 3, deliveryCount: 0 };
  const sampler = new MetricsSampler({
    instanceId: "one",
    metrics,
    callCounts() {
      readings += 1;
      return [calls];
    },
    nowMs: () => nowMs,
  });
  const subscribe = (intervalSeconds: number) => {
    const samples: Sample[] = [];
    const stop = sampler.subscribe(intervalSeconds, { onSample: (one) => samples.push(one) });
    return { samples, stop };
  };
  const pass = (seconds: number) => {
    for (let ms = 0; ms < seconds * 1_000; ms += 10) {
      nowMs += 10;
      t.mock.timers.tick(10);
    }
  };
  return { subscribe, pass, calls, metrics, readingCount: () => readings };
}

function decode(sample: Sample | undefined): Metric[] {
  assert.ok(sample);
  const metrics = messagesOf(sample.bytes).map((bytes) => fromBinary(MetricSchema, bytes));
  assert.equal(metrics.length, sample.messageCount);
  return metrics;
}

function valueIn(sample: Sample | undefined, name: string, label = ""): number | undefined {
  const found = decode(sample).find(
    (metric) => metric.name === name && Object.values(metric.labels).join().includes(label),
  );
  return found?.value;
}

test("who asks for the same interval shares its samples, and readings are taken once for all", (t) => {
  const { subscribe, pass, readingCount } = openSampler(t);
  const first = subscribe(1);
  pass(0.5);
  const [second, slow] = [subscribe(1), subscribe(3)];
  const before = readingCount();
  pass(3);
  assert.equal(readingCount() - before, 3);
  assert.equal(first.samples.length, 3);
  assert.ok(first.samples[0] === second.samples[0] && first.samples[2] === second.samples[2]);
  assert.equal(slow.samples.length, 1);
});

test("rates are averages over the interval, and all is labelled with the instance", (t) => {
  const { subscribe, pass, calls, metrics } = openSampler(t);
  const { samples } = subscribe(2);
  calls.started = 10;
  metrics.deliveryCount = 500;
  pass(2);
  assert.equal(valueIn(samples[0], "requests_per_second", "/api"), 5);
  assert.equal(valueIn(samples[0], "requests_per_second", "/a.B/C"), 5);
  assert.equal(valueIn(samples[0], "deliveries_per_second"), 250);
  assert.equal(valueIn(samples[0], "open_subscriptions"), 3);
  assert.equal(valueIn(samples[0], "event_loop_delay", "0.99"), 0);
  for (const { labels } of decode(samples[0])) {
    assert.equal(labels.instance, "one");
  }
  pass(2);
  assert.equal(valueIn(samples[1], "requests_per_second", "/api"), 0);
});

test("nothing is measured for nobody", (t) => {
  const { subscribe, pass, readingCount } = openSampler(t);
  const one = subscribe(1);
  pass(1);
  one.stop();
  one.stop();
  const before = readingCount();
  pass(5);
  assert.equal(readingCount(), before);
  assert.equal(one.samples.length, 1);
  const again = subscribe(1);
  pass(1);
  assert.equal(again.samples.length, 1);
});
