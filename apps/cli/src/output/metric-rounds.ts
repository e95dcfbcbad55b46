import type { Metric } from "@parley/proto/chat/v1";

// A server sends the values of one measurement back to back.
const defaultQuietMs = 100;

/**
 * Gathers a stream of metrics into rounds, one for each time the server
 * measured. The stream does not mark their ends: a round is over when a metric
 * comes again, or when nothing more came for `quietMs`.
 */
export async function* metricRounds(
  metrics: AsyncIterable<Metric>,
  quietMs: number = defaultQuietMs,
): AsyncGenerator<Metric[]> {
  const source = metrics[Symbol.asyncIterator]();
  try {
    let round = new Map<string, Metric>();
    let next = source.next();
    for (;;) {
      const result = await (round.size === 0 ? next : withinQuiet(next, quietMs));
      if (result !== quiet && result.done) {
        break;
      }
      const key = result === quiet ? "" : metricKey(result.value);
      if (result === quiet || round.has(key)) {
        yield [...round.values()];
        round = new Map();
      }
      if (result !== quiet) {
        round.set(key, result.value);
        next = source.next();
      }
    }
    if (round.size > 0) {
      yield [...round.values()];
    }
  } finally {
    await source.return?.();
  }
}

/** What tells one metric from another: its name and labels. */
export function metricKey(metric: Metric): string {
  return metric.name + formatLabels(metric.labels);
}

/** `core=0 instance=a`, by name. */
export function formatLabels(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}

const quiet = Symbol("quiet");

async function withinQuiet<T>(next: Promise<T>, quietMs: number): Promise<T | typeof quiet> {
  const timeUp = Promise.withResolvers<typeof quiet>();
  // After another turn: a process that was held up reads first what has come meanwhile.
  const timer = setTimeout(() => setImmediate(() => timeUp.resolve(quiet)), quietMs);
  try {
    return await Promise.race([next, timeUp.promise]);
  } finally {
    clearTimeout(timer);
  }
}
