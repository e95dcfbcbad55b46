import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Call, CallEnd, CallObservation, CallObserver } from "./call.ts";
import { codeOf } from "./call-log.ts";

/** Options for {@link createCallMetrics}. */
export interface CallMetricsOptions {
  /** Where the metrics are registered. */
  readonly registry: Registry;
  /** Upper bounds of the duration histogram, in seconds. Default 1 ms to 10 s. */
  readonly durationBucketsSeconds?: readonly number[];
}

/** Counts calls, and tells what it has counted. */
export interface CallMetrics extends CallObserver {
  /** What was counted of each method that was called, since the start. */
  counts(): Iterable<CallCounts>;
}

/** What was counted of one method's calls. */
export interface CallCounts {
  /** The service's full name. */
  readonly service: string;
  readonly method: string;
  /** Calls that have begun. */
  readonly started: number;
  /** Calls that have ended. */
  readonly ended: number;
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
 * All of them have the labels `grpc_type`, `grpc_service` and `grpc_method`. Who wants some of
 * it elsewhere asks for `counts()`: calls need not be counted twice.
 */
export function createCallMetrics(options: CallMetricsOptions): CallMetrics {
  const registers = [options.registry];
  const methods = new Map<string, Map<string, MethodCounts>>();
  const all = () => [...methods.values()].flatMap((ofService) => [...ofService.values()]);
  const counter = (name: string, help: string, read: (counts: MethodCounts) => number) =>
    new Counter({
      name,
      help,
      labelNames: callLabels,
      registers,
      collect() {
        this.reset();
        for (const counts of all()) {
          this.inc(counts.labels, read(counts));
        }
      },
    });
  counter("grpc_server_started_total", "Calls that have begun.", ({ started }) => started);
  new Counter({
    name: "grpc_server_handled_total",
    help: "Calls that have ended.",
    labelNames: [...callLabels, "grpc_code"],
    registers,
    collect() {
      this.reset();
      for (const { labels, handled } of all()) {
        for (const [code, count] of handled) {
          this.inc({ ...labels, grpc_code: code }, count);
        }
      }
    },
  });
  counter(
    "grpc_server_msg_received_total",
    "Messages read from callers.",
    ({ received }) => received,
  );
  counter("grpc_server_msg_sent_total", "Messages sent to callers.", ({ sent }) => sent);
  new Gauge({
    name: "grpc_server_calls_in_flight",
    help: "Calls that have begun and not ended.",
    labelNames: callLabels,
    registers,
    collect() {
      for (const { labels, started, ended } of all()) {
        this.set(labels, started - ended);
      }
    },
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
    registers,
  });

  function countsOf({ kind, service, method }: Call): MethodCounts {
    let ofService = methods.get(service);
    if (!ofService) {
      ofService = new Map();
      methods.set(service, ofService);
    }
    let counts = ofService.get(method);
    if (!counts) {
      const labels = { grpc_type: kind, grpc_service: service, grpc_method: method };
      counts = new MethodCounts(labels, kind === "unary" ? duration : undefined);
      ofService.set(method, counts);
    }
    return counts;
  }

  const observer: CallObserver = (call) => {
    const counts = countsOf(call);
    counts.started += 1;
    return counts;
  };
  return Object.assign(observer, { counts: all });
}

/** What was counted of a method's calls. Prometheus is told when it asks, not at each call. */
class MethodCounts implements CallCounts, CallObservation {
  readonly labels: Record<(typeof callLabels)[number], string>;
  readonly handled = new Map<string, number>();
  readonly #observe: ((seconds: number) => void) | undefined;
  started = 0;
  ended = 0;
  received = 0;
  sent = 0;

  constructor(labels: MethodCounts["labels"], duration: Histogram<string> | undefined) {
    this.labels = labels;
    const observed = duration?.labels(labels);
    this.#observe = observed && ((seconds) => observed.observe(seconds));
  }

  get service(): string {
    return this.labels.grpc_service;
  }

  get method(): string {
    return this.labels.grpc_method;
  }

  onEnd(end: CallEnd): void {
    const code = codeOf(end);
    this.ended += 1;
    this.handled.set(code, (this.handled.get(code) ?? 0) + 1);
    this.received += end.receivedCount;
    this.sent += end.sentCount;
    this.#observe?.(end.durationMs / 1_000);
  }
}
