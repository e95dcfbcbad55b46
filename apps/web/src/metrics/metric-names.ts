import type { Metric } from "@parley/client";

const titles: Record<string, string> = {
  cpu_usage: "Processor",
  memory_usage: "Memory",
  requests_per_second: "Calls",
  event_loop_delay: "Event loop delay",
  open_subscriptions: "Open subscriptions",
  deliveries_per_second: "Deliveries",
};

const quantiles: Record<string, string> = { "0.5": "median", "0.99": "99th percentile" };

/** What a metric is called where people read it. */
export function titleOf(metricName: string): string {
  const words = metricName.replaceAll("_", " ");
  return titles[metricName] ?? words.slice(0, 1).toUpperCase() + words.slice(1);
}

/** What tells a reading from the others of its metric, in a word or two. */
export function labelOf({ name, labels }: Pick<Metric, "name" | "labels">): string {
  const texts = Object.entries(labels)
    .filter(([label]) => label !== "instance")
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => describeLabel(label, value));
  return texts.join(", ") || titleOf(name);
}

function describeLabel(label: string, value: string): string {
  switch (label) {
    case "core":
      return `core ${value}`;
    case "type":
      return value;
    case "quantile":
      return quantiles[value] ?? `quantile ${value}`;
    case "endpoint":
      // The original contract's name for all calls together.
      return value === "/api" ? "all calls" : (value.split("/").at(-1) ?? value);
    default:
      return `${label} ${value}`;
  }
}
