import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import { MetricSchema } from "@parley/proto/chat/v1";
import { metricRounds } from "./metric-rounds.ts";

const cpu = (core: string) => create(MetricSchema, { name: "cpu_usage", labels: { core } });

test("a round is over when a metric comes again", async () => {
  async function* metrics() {
    yield* [cpu("0"), cpu("1"), cpu("0"), cpu("1"), cpu("2")];
  }
  const sizes: number[] = [];
  for await (const round of metricRounds(metrics(), 60_000)) {
    sizes.push(round.length);
  }
  assert.deepEqual(sizes, [2, 3]);
});

test("a round is over when nothing more comes", async () => {
  const more = Promise.withResolvers<void>();
  async function* metrics() {
    yield* [cpu("0"), cpu("1")];
    await more.promise;
    yield cpu("0");
  }
  const rounds = metricRounds(metrics(), 1);
  assert.equal((await rounds.next()).value?.length, 2);
  more.resolve();
  assert.equal((await rounds.next()).value?.length, 1);
  assert.equal((await rounds.next()).done, true);
});
