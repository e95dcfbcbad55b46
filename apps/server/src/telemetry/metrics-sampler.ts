import { create, toBinary } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { frameMessages } from "@parley/host/envelope";
import { MetricSchema } from "@parley/proto/chat/v1";
import { DelayHistogram } from "./delay-histogram.ts";
import { measure, type Reading, type ReadingSources, takeReading } from "./reading.ts";

export interface MetricsSamplerOptions extends ReadingSources {
  /** The label "instance" of all metrics. */
  readonly instanceId: string;
  /** A clock that never goes back, in ms. Default: `performance.now`. */
  readonly nowMs?: () => number;
}

/** The metrics of one interval, as the frames of chat.v1.Metric that all who asked for it share. */
export interface Sample {
  readonly bytes: Uint8Array;
  readonly messageCount: number;
}

/** One who is given a sample at each interval. Must not throw. */
export interface SampleListener {
  onSample(sample: Sample): void;
}

interface Group {
  readonly listeners: Set<SampleListener>;
  before: Reading;
  dueAtTick: number;
}

const tickMs = 1_000;
const delayResolutionMs = 20;

/**
 * Measures the instance once a second for everybody who asks, as long as somebody does. Those
 * who ask for the same interval share its samples: they come at the same time, and the first
 * one may cover time from before its listener came.
 */
export class MetricsSampler {
  readonly #options: MetricsSamplerOptions;
  readonly #nowMs: () => number;
  readonly #delays = new DelayHistogram();
  /** By interval, in seconds. */
  readonly #groups = new Map<number, Group>();
  #tickCount = 0;
  #latest: Reading | undefined;
  #timers: NodeJS.Timeout[] = [];

  constructor(options: MetricsSamplerOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Gives a listener a sample once an interval, until the returned function is called. */
  subscribe(intervalSeconds: number, listener: SampleListener): () => void {
    this.#latest ??= this.#start();
    let group = this.#groups.get(intervalSeconds);
    if (!group) {
      const dueAtTick = this.#tickCount + intervalSeconds;
      group = { listeners: new Set(), before: this.#latest, dueAtTick };
      this.#groups.set(intervalSeconds, group);
    }
    const { listeners } = group;
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#groups.get(intervalSeconds)?.listeners === listeners) {
        this.#groups.delete(intervalSeconds);
        this.#stopIfUnused();
      }
    };
  }

  #start(): Reading {
    let lastMs = this.#nowMs();
    const recordDelay = () => {
      const nowMs = this.#nowMs();
      this.#delays.record(nowMs - lastMs - delayResolutionMs);
      lastMs = nowMs;
    };
    this.#timers = [
      setInterval(recordDelay, delayResolutionMs),
      setInterval(() => this.#tick(), tickMs),
    ];
    for (const timer of this.#timers) {
      timer.unref();
    }
    return this.#read();
  }

  #stopIfUnused(): void {
    if (this.#groups.size === 0) {
      for (const timer of this.#timers) {
        clearInterval(timer);
      }
      this.#latest = undefined;
    }
  }

  #read(): Reading {
    return takeReading(this.#options, this.#delays, this.#nowMs());
  }

  #tick(): void {
    this.#tickCount += 1;
    const reading = this.#read();
    this.#latest = reading;
    for (const [intervalSeconds, group] of this.#groups) {
      if (group.dueAtTick <= this.#tickCount) {
        const sample = this.#toSample(group.before, reading);
        group.before = reading;
        group.dueAtTick += intervalSeconds;
        for (const listener of group.listeners) {
          listener.onSample(sample);
        }
      }
    }
  }

  #toSample(before: Reading, now: Reading): Sample {
    const instance = this.#options.instanceId;
    const timestamp = timestampNow();
    const metrics = measure(before, now).map(({ name, value, labels }) =>
      toBinary(
        MetricSchema,
        create(MetricSchema, { name, value, timestamp, labels: { instance, ...labels } }),
      ),
    );
    return { bytes: frameMessages(metrics), messageCount: metrics.length };
  }
}
