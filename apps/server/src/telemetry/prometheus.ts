import type { Host } from "@parley/host";
import { Counter, Gauge } from "prom-client";
import type { Metrics } from "./metrics.ts";

/** Adds what is measured of the connections and the rooms to what a host's /metrics shows. */
export function registerServerMetrics(
  { registry, listener }: Pick<Host, "registry" | "listener">,
  metrics: Pick<Metrics, "subscriptionCount" | "deliveryCount">,
): void {
  const registers = [registry];
  new Counter({
    name: "parley_deliveries_total",
    help: "Messages of rooms handed to readers.",
    registers,
    collect() {
      this.reset();
      this.inc(metrics.deliveryCount);
    },
  });
  const gauges = {
    parley_open_subscriptions: ["Open subscriptions.", () => metrics.subscriptionCount],
    parley_open_connections: ["Open connections.", () => listener.connectionCount],
    parley_open_http2_sessions: ["Open HTTP/2 sessions.", () => listener.sessionCount],
  } as const;
  for (const [name, [help, read]] of Object.entries(gauges)) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  }
}
