import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Metric } from "@parley/client";
import { labelOf } from "./metric-names.ts";

/** All readings of one metric that are kept, as a chart draws them. */
export interface MetricChart {
  readonly name: string;
  /** In seconds since 1970, one for each round of readings. */
  readonly times: readonly number[];
  /** One line for each set of labels, in the order they came. */
  readonly lines: readonly MetricLine[];
}

/** The readings of a metric with one set of labels. */
export interface MetricLine {
  readonly label: string;
  /** As many as there are times; null where there was no reading. */
  readonly values: readonly (number | null)[];
}

interface KeptChart {
  readonly times: number[];
  readonly lines: Map<string, (number | null)[]>;
}

/** Readings by metric and labels, lined up by time; the oldest go when there are too many. */
export class MetricHistory {
  readonly #maxRounds: number;
  readonly #charts = new Map<string, KeptChart>();

  constructor(maxRounds: number) {
    this.#maxRounds = maxRounds;
  }

  add(metric: Metric): void {
    const chart: KeptChart = this.#charts.get(metric.name) ?? { times: [], lines: new Map() };
    this.#charts.set(metric.name, chart);
    const time = (metric.timestamp ? timestampMs(metric.timestamp) : Date.now()) / 1_000;
    if (time > (chart.times.at(-1) ?? 0)) {
      chart.times.push(time);
      for (const values of chart.lines.values()) {
        values.push(null);
      }
      this.#dropOldest(chart);
    }
    const label = labelOf(metric);
    const values = chart.lines.get(label) ?? chart.times.map((): number | null => null);
    chart.lines.set(label, values);
    values[values.length - 1] = metric.value;
  }

  charts(): MetricChart[] {
    return Array.from(this.#charts, ([name, { times, lines }]) => ({
      name,
      times: times.slice(),
      lines: Array.from(lines, ([label, values]) => ({ label, values: values.slice() })),
    }));
  }

  #dropOldest(chart: KeptChart): void {
    if (chart.times.length <= this.#maxRounds) {
      return;
    }
    chart.times.shift();
    for (const [label, values] of chart.lines) {
      values.shift();
      if (values.every((value) => value === null)) {
        chart.lines.delete(label);
      }
    }
  }
}
