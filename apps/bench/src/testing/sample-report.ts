import type { Measurement } from "../measurements.ts";
import { summariseMeasurements } from "../measurements.ts";
import type { RunReport } from "../run-report.ts";
import { defineWork, type Sample, type Work } from "../work/work.ts";

/** A work that is never done, with two cases. */
export const sampleWork: Work = defineWork({
  name: "fan-out",
  title: "Fan-out: <all> & sundry",
  operation: "delivery",
  metrics: [
    { key: "rate", title: "deliveries/s", better: "higher" },
    { key: "p50Ms", title: "p50 ms", better: "lower" },
  ],
  cases: [
    { name: "10 subscribers", isQuick: true, parameters: { subscribers: 10 } },
    { name: "100 subscribers", isQuick: false, parameters: { subscribers: 100 } },
  ],
  needs: () => ({ protocol: "grpc", history: false }),
  measure: () => Promise.reject(new Error("never")),
});

/** Measurements of two contestants, one of which lost messages and then failed. */
export const sampleMeasurements: readonly Measurement[] = [
  measurement("parley", { rate: 2_000_000, p50Ms: 1.5 }),
  measurement("peer", { rate: 500_000, p50Ms: 3 }, 10),
  measurement("parley", { rate: 1_000_000, p50Ms: 0.5 }),
  { ...measurement("peer", {}), result: { error: "a <call>\nfailed" } },
  measurement("parley", { rate: 3_000_000, p50Ms: 1 }),
];

/** A report of them. */
export const sampleReport: RunReport = {
  startedAt: "2026-01-01T00:00:00.000Z",
  finishedAt: "2026-01-01T00:01:00.000Z",
  environment: {
    system: "Linux 6",
    processor: "Some <processor>",
    cores: 2,
    memoryBytes: 1e9,
    node: "v26.0.0",
  },
  settings: { rounds: 3, warmupMs: 1, durationMs: 2, isQuick: false },
  baseline: "peer",
  contestants: [
    { name: "parley", description: "this" },
    { name: "peer", description: "that" },
  ],
  leftOut: [{ name: "grpc-go", reason: "Go is not on the PATH" }],
  notes: ["Time was up."],
  works: summariseMeasurements([sampleWork], sampleMeasurements, "peer"),
};

function measurement(
  contestant: string,
  values: Readonly<Record<string, number>>,
  lost = 0,
): Measurement {
  const sample: Sample = {
    values,
    count: 990,
    elapsedSeconds: 1,
    lost,
    repeated: 0,
    cpuSecondsPerMillion: 1.25,
    rssBytes: 50_000_000,
    generatorCores: 0.5,
    generator: "node",
  };
  return { work: "fan-out", caseName: "10 subscribers", contestant, result: { sample } };
}
