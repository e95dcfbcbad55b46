import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { codeOf } from "./call-log.ts";
import type { CallObserver, ObservedCall } from "./call-observer.ts";

/** Options for {@link createCallMetrics}. */
export interface CallMetricsOptions {
  /** Where the metrics are registered. */
  readonly registry: Registry;
  /** Upper bounds of the duration histogram, in seconds. Default 1 ms to 10 s. */
  readonly durationBucketsSeconds?: readonly number[];
}

const callLabels = ["grpc_type", "grpc_service", "grpc_method"] as const;

/**
 * Counts calls for Prometheus under the names that gRPC servers use
 * (https://github.com/grpc-ecosystem/go-grpc-middleware/tree/main/providers/prometheus):
 *
 * - `grpc_server_started_total`, `grpc_server_handled_total` (with `grpc_code`);
 * - `grpc_server_msg_received_total`, `grpc_server_msg_sent_total`, counted when the
 *   call ends;
 * - `grpc_server_handling_seconds`, a histogram, for unary calls only: how long a
 *   stream lives says nothing about the server;
 * - `grpc_server_calls_in_flight`.
 *
 * All of them have the labels `grpc_type`, `grpc_service` and `grpc_method`.
 */
export function createCallMetrics(options: CallMetricsOptions): CallObserver {
  const { registry } = options;
  const counter = (name: string, help: string, labels: readonly string[] = []) =>
    new Counter({ name, help, labelNames: [...callLabels, ...labels], registers: [registry] });
  const started = counter("grpc_server_started_total", "Calls that have begun.");
  const handled = counter("grpc_server_handled_total", "Calls that have ended.", ["grpc_code"]);
  const received = counter("grpc_server_msg_received_total", "Messages read from callers.");
  const sent = counter("grpc_server_msg_sent_total", "Messages sent to callers.");
  const inFlight = new Gauge({
    name: "grpc_server_calls_in_flight",
    help: "Calls that have begun and not ended.",
    labelNames: callLabels,
    registers: [registry],
  });
  const duration = new Histogram({
    name: "grpc_server_handling_seconds",
    help: "How long unary calls took.",
    labelNames: callLabels,
    buckets: [
      ...(options.durationBucketsSeconds ?? [
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
      ]),
    ],
    registers: [registry],
  });
  const labelsOf = ({ kind, service, method }: ObservedCall) => ({
    grpc_type: kind,
    grpc_service: service,
    grpc_method: method,
  });

  return (call) => {
    const labels = labelsOf(call);
    const isUnary = call.kind === "unary";
    started.inc(labels);
    inFlight.inc(labels);
    return (end) => {
      inFlight.dec(labels);
      handled.inc({ ...labels, grpc_code: codeOf(end) });
      received.inc(labels, end.receivedCount);
      sent.inc(labels, end.sentCount);
      if (isUnary) {
        duration.observe(labels, end.durationMs / 1_000);
      }
    };
  };
}
