import type { HandlerContext } from "@connectrpc/connect";
import { createFrameStream } from "@parley/host/create-frame-stream";
import type { FrameSink, FrameSource, FrameStream } from "@parley/host/frame-stream";
import { type Metric, MetricSchema, type MetricsRequest } from "@parley/proto/chat/v1";
import type { Sample, SampleListener } from "../telemetry/metrics-sampler.ts";
import type { ChatContext } from "./chat-context.ts";
import type { DrainListener } from "./server-drain.ts";

/** Creates the responses of one call of StreamMetrics. */
export function createMetricsStream(
  context: ChatContext,
  { intervalSeconds }: MetricsRequest,
  call: Pick<HandlerContext, "signal">,
): FrameStream<Metric> {
  return createFrameStream(
    MetricSchema,
    (sink) => void new MetricsStream(context, intervalSeconds || 1, sink),
    call,
  );
}

/** Writes the samples of one interval to one caller. */
class MetricsStream implements FrameSource, DrainListener, SampleListener {
  readonly #context: Pick<ChatContext, "drain">;
  readonly #sink: FrameSink;
  readonly #unsubscribe: () => void;

  constructor(context: ChatContext, intervalSeconds: number, sink: FrameSink) {
    this.#context = context;
    this.#sink = sink;
    this.#unsubscribe = context.sampler.subscribe(intervalSeconds, this);
    sink.source = this;
    context.drain.add(this);
    if (context.drain.hasBegun) {
      this.onServerDrain();
    }
  }

  onSample({ bytes, messageCount }: Sample): void {
    // Who reads slowly is not told later how it was.
    if (!this.#sink.isFull) {
      this.#sink.write(bytes, messageCount);
    }
  }

  onDrain(): void {}

  onServerDrain(): void {
    this.onClose();
    this.#sink.fail(this.#context.drain.error);
  }

  onClose(): void {
    this.#sink.source = undefined;
    this.#context.drain.delete(this);
    this.#unsubscribe();
  }
}
