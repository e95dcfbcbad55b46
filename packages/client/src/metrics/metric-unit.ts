const unitOfMetric: Record<string, string> = {
  cpu_usage: "%",
  memory_usage: "MB",
  requests_per_second: "calls/s",
  event_loop_delay: "ms",
  open_subscriptions: "subscriptions",
  deliveries_per_second: "messages/s",
};

/** The unit that the contract states for a metric; empty for one it does not know. */
export function metricUnit(metricName: string): string {
  return unitOfMetric[metricName] ?? "";
}
