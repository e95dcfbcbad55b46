import { cpus } from "node:os";
import { type ELDHistogram, monitorEventLoopDelay } from "node:perf_hooks";
import type { CallObserver } from "@parley/host/call";

/** One measured value, with the labels that tell what exactly was measured. */
export interface Measurement {
  readonly name: string;
  readonly value: number;
  readonly labels: Readonly<Record<string, string>>;
}

const delayResolutionMs = 20;

/** Counts what this instance serves. */
export class Metrics {
  readonly #callCounts = new Map<string, number>();
  #deliveryCount = 0;
  readonly #subscriptionCount: () => number;

  constructor(subscriptionCount: () => number) {
    this.#subscriptionCount = subscriptionCount;
  }

  /** Counts every call by its path when it begins. */
  readonly observer: CallObserver = ({ service, method }) => {
    const path = `/${service}/${method}`;
    this.#callCounts.set(path, (this.#callCounts.get(path) ?? 0) + 1);
    return undefined;
  };

  /** Subscriptions that are open now. */
  get subscriptionCount(): number {
    return this.#subscriptionCount();
  }

  /** Messages of rooms handed to readers since the start. */
  get deliveryCount(): number {
    return this.#deliveryCount;
  }

  /** Counts messages of a room that are handed to a reader. */
  countDeliveries(count: number): void {
    this.#deliveryCount += count;
  }

  /** Starts measuring; rates are averages since the last sample. The caller closes it. */
  sampler(): MetricsSampler {
    return new MetricsSampler(
      () => ({ calls: new Map(this.#callCounts), deliveries: this.#deliveryCount }),
      this.#subscriptionCount,
    );
  }
}

interface Counts {
  readonly calls: ReadonlyMap<string, number>;
  readonly deliveries: number;
}

interface CoreTimes {
  readonly idle: number;
  readonly total: number;
}

/** Measures an interval at a time. */
export class MetricsSampler {
  readonly #count: () => Counts;
  readonly #subscriptionCount: () => number;
  readonly #delay: ELDHistogram;
  #lastMs = performance.now();
  #lastCounts: Counts;
  #lastCores = coreTimes();

  constructor(count: () => Counts, subscriptionCount: () => number) {
    this.#count = count;
    this.#subscriptionCount = subscriptionCount;
    this.#lastCounts = count();
    this.#delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
    this.#delay.enable();
  }

  /** What happened since the last sample, or since the start. */
  sample(): Measurement[] {
    const nowMs = performance.now();
    const seconds = Math.max(nowMs - this.#lastMs, 1) / 1_000;
    const counts = this.#count();
    const measurements = [
      ...this.#cpuUsage(),
      ...memoryUsage(),
      ...this.#requestRates(counts, seconds),
      ...this.#eventLoopDelay(),
      measurement("open_subscriptions", this.#subscriptionCount()),
      measurement(
        "deliveries_per_second",
        (counts.deliveries - this.#lastCounts.deliveries) / seconds,
      ),
    ];
    this.#lastMs = nowMs;
    this.#lastCounts = counts;
    return measurements;
  }

  close(): void {
    this.#delay.disable();
  }

  #cpuUsage(): Measurement[] {
    const before = this.#lastCores;
    this.#lastCores = coreTimes();
    return this.#lastCores.map(({ idle, total }, core) => {
      const busy = {
        idle: idle - (before[core]?.idle ?? 0),
        total: total - (before[core]?.total ?? 0),
      };
      const percent = busy.total > 0 ? 100 * (1 - busy.idle / busy.total) : 0;
      return measurement("cpu_usage", percent, { core: String(core) });
    });
  }

  #requestRates({ calls }: Counts, seconds: number): Measurement[] {
    const rates = Array.from(calls, ([endpoint, count]) => ({
      endpoint,
      rate: (count - (this.#lastCounts.calls.get(endpoint) ?? 0)) / seconds,
    }));
    const all = rates.reduce((sum, { rate }) => sum + rate, 0);
    return [{ endpoint: "/api", rate: all }, ...rates].map(({ endpoint, rate }) =>
      measurement("requests_per_second", rate, { endpoint }),
    );
  }

  #eventLoopDelay(): Measurement[] {
    const measurements = [0.5, 0.99].map((quantile) => {
      // The histogram holds the time between ticks of a timer, in nanoseconds.
      const ms = this.#delay.percentile(quantile * 100) / 1e6 - delayResolutionMs;
      return measurement("event_loop_delay", Math.max(ms, 0), { quantile: String(quantile) });
    });
    this.#delay.reset();
    return measurements;
  }
}

function measurement(
  name: string,
  value: number,
  labels: Record<string, string> = {},
): Measurement {
  return { name, value, labels };
}

function memoryUsage(): Measurement[] {
  const { rss, heapUsed } = process.memoryUsage();
  return [
    measurement("memory_usage", rss / 1e6, { type: "resident" }),
    measurement("memory_usage", heapUsed / 1e6, { type: "heap" }),
  ];
}

function coreTimes(): CoreTimes[] {
  return cpus().map(({ times }) => ({
    idle: times.idle,
    total: times.user + times.nice + times.sys + times.idle + times.irq,
  }));
}
