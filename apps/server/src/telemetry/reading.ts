import { cpus } from "node:os";
import type { CallCounts } from "@parley/host/call-metrics";
import { type DelayCounts, type DelayHistogram, delayQuantile } from "./delay-histogram.ts";
import type { Metrics } from "./metrics.ts";

/** What readings are taken of. */
export interface ReadingSources {
  readonly metrics: Pick<Metrics, "subscriptionCount" | "deliveryCount">;
  /** What was counted of each method. */
  readonly callCounts: () => Iterable<Pick<CallCounts, "service" | "method" | "started">>;
}

/** All counters of an instance at one time. What happened in between is the difference of two. */
export interface Reading {
  readonly atMs: number;
  readonly callsByPath: ReadonlyMap<string, number>;
  readonly deliveryCount: number;
  readonly subscriptionCount: number;
  readonly cores: readonly CoreTimes[];
  readonly delays: DelayCounts;
  readonly residentBytes: number;
  readonly heapBytes: number;
}

interface CoreTimes {
  readonly idleMs: number;
  readonly totalMs: number;
}

/** One measured value, with the labels that tell what exactly was measured. */
export interface Measurement {
  readonly name: string;
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Reads all counters. */
export function takeReading(
  { metrics, callCounts }: ReadingSources,
  delays: DelayHistogram,
  atMs: number,
): Reading {
  const { rss, heapUsed } = process.memoryUsage();
  return {
    atMs,
    callsByPath: new Map(
      Array.from(callCounts(), ({ service, method, started }) => [
        `/${service}/${method}`,
        started,
      ]),
    ),
    deliveryCount: metrics.deliveryCount,
    subscriptionCount: metrics.subscriptionCount,
    cores: cpus().map(({ times }) => ({
      idleMs: times.idle,
      totalMs: times.user + times.nice + times.sys + times.idle + times.irq,
    })),
    delays: delays.counts(),
    residentBytes: rss,
    heapBytes: heapUsed,
  };
}

/** What the contract calls metrics: how it stands, and what happened since the reading before. */
export function measure(before: Reading, now: Reading): Measurement[] {
  const seconds = Math.max(now.atMs - before.atMs, 1) / 1_000;
  return [
    ...cpuUsage(before, now),
    measurement("memory_usage", now.residentBytes / 1e6, { type: "resident" }),
    measurement("memory_usage", now.heapBytes / 1e6, { type: "heap" }),
    ...callRates(before, now, seconds),
    ...[0.5, 0.99].map((quantile) =>
      measurement("event_loop_delay", delayQuantile(before.delays, now.delays, quantile), {
        quantile: String(quantile),
      }),
    ),
    measurement("open_subscriptions", now.subscriptionCount),
    measurement("deliveries_per_second", (now.deliveryCount - before.deliveryCount) / seconds),
  ];
}

function cpuUsage(before: Reading, now: Reading): Measurement[] {
  return now.cores.map(({ idleMs, totalMs }, core) => {
    const idle = idleMs - (before.cores[core]?.idleMs ?? 0);
    const total = totalMs - (before.cores[core]?.totalMs ?? 0);
    const percent = total > 0 ? 100 * (1 - idle / total) : 0;
    return measurement("cpu_usage", percent, { core: String(core) });
  });
}

function callRates(before: Reading, now: Reading, seconds: number): Measurement[] {
  const rates = Array.from(now.callsByPath, ([endpoint, count]) => ({
    endpoint,
    rate: (count - (before.callsByPath.get(endpoint) ?? 0)) / seconds,
  }));
  const all = rates.reduce((sum, { rate }) => sum + rate, 0);
  return [{ endpoint: "/api", rate: all }, ...rates].map(({ endpoint, rate }) =>
    measurement("requests_per_second", rate, { endpoint }),
  );
}

function measurement(
  name: string,
  value: number,
  labels: Record<string, string> = {},
): Measurement {
  return { name, value, labels };
}
