import { createCallMetrics } from "@parley/host/call-metrics";
import type { CallObserver } from "@parley/host/call-observer";
import type { Listener } from "@parley/host/listener";
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import type { Metrics } from "./metrics.ts";

/** What Prometheus scrapes from /metrics. */
export interface Prometheus {
  readonly registry: Registry;
  /** Counts calls. */
  readonly observer: CallObserver;
}

/** Registers what is measured of the process, the calls, the connections and the rooms. */
export function createPrometheus(sources: {
  readonly metrics: Pick<Metrics, "subscriptionCount" | "deliveryCount">;
  readonly listener: Pick<Listener, "connectionCount" | "sessionCount">;
}): Prometheus {
  const { metrics, listener } = sources;
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
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
  return { registry, observer: createCallMetrics({ registry }) };
}
