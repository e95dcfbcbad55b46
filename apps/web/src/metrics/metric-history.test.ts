import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Metric, MetricSchema } from "@parley/proto/chat/v1";
import { MetricHistory } from "./metric-history.ts";
import { labelOf, titleOf } from "./metric-names.ts";

function metric(name: string, second: number, value: number, labels = {}): Metric {
  return create(MetricSchema, {
    name,
    value,
    timestamp: timestampFromMs(second * 1_000),
    labels: { instance: "one", ...labels },
  });
}

test("readings are lined up by time; where there was none there is a gap", () => {
  const history = new MetricHistory(10);
  history.add(metric("memory_usage", 1, 50, { type: "heap" }));
  history.add(metric("memory_usage", 2, 51, { type: "heap" }));
  history.add(metric("memory_usage", 2, 90, { type: "resident" }));
  history.add(metric("memory_usage", 3, 91, { type: "resident" }));
  assert.deepEqual(history.charts(), [
    {
      name: "memory_usage",
      times: [1, 2, 3],
      lines: [
        { label: "heap", values: [50, 51, null] },
        { label: "resident", values: [null, 90, 91] },
      ],
    },
  ]);
});

test("the oldest readings go, and lines that have none left", () => {
  const history = new MetricHistory(2);
  history.add(metric("requests_per_second", 1, 7, { endpoint: "/chat.v1.ChatService/Chat" }));
  for (const second of [1, 2, 3]) {
    history.add(metric("requests_per_second", second, second, { endpoint: "/api" }));
  }
  const [chart] = history.charts();
  assert.deepEqual(chart?.times, [2, 3]);
  assert.deepEqual(chart?.lines, [{ label: "all calls", values: [2, 3] }]);
});

test("labels are told in a word or two, the instance left out", () => {
  const label = (labels: Record<string, string>) =>
    labelOf(metric("requests_per_second", 1, 1, labels));
  assert.equal(label({ core: "0" }), "core 0");
  assert.equal(label({ quantile: "0.99" }), "99th percentile");
  assert.equal(label({ endpoint: "/chat.v1.ChatService/SendMessage" }), "SendMessage");
  assert.equal(label({ zone: "a", shard: "2" }), "shard 2, zone a");
  assert.equal(label({}), "Calls");
  assert.equal(titleOf("open_files"), "Open files");
});
