import assert from "node:assert/strict";
import { test } from "node:test";
import { summariseMeasurements } from "./measurements.ts";
import { sampleMeasurements, sampleWork } from "./testing/sample-report.ts";

test("rounds are summarised for each contestant, beside the baseline", () => {
  const [work, ...otherWorks] = summariseMeasurements([sampleWork], sampleMeasurements, "peer");
  assert.deepEqual(otherWorks, []);
  assert.deepEqual(
    work?.cases.map(({ name }) => name),
    ["10 subscribers"],
  );
  const [parley, peer] = work?.cases[0]?.results ?? [];
  assert.deepEqual(parley?.summaries.rate, { median: 2_000_000, min: 1_000_000, max: 3_000_000 });
  assert.deepEqual(parley?.summaries.p50Ms, { median: 1, min: 0.5, max: 1.5 });
  assert.equal(parley?.summaries.rssBytes?.median, 50_000_000);
  assert.equal(parley?.ratio, 4);
  assert.equal(parley?.lost, 0);
  assert.equal(parley?.error, undefined);
  assert.equal(peer?.ratio, 1);
  assert.equal(peer?.lost, 10);
  assert.equal(peer?.samples.length, 1);
  assert.equal(peer?.error, "a <call>\nfailed");
});

test("there is no ratio to a baseline that did not take part", () => {
  const [work] = summariseMeasurements([sampleWork], sampleMeasurements, "grpc-go");
  assert.equal(work?.cases[0]?.results[0]?.ratio, undefined);
});
