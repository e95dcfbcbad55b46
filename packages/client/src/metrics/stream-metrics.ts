import { type Client, ConnectError } from "@connectrpc/connect";
import type { ChatService, Metric } from "@parley/proto/chat/v1";
import { callOptions, noDeadlineMs } from "../calls/call-options.ts";
import type { ResolvedOptions } from "../chat-client-options.ts";
import { callListener } from "../streams/call-listener.ts";
import { ReconnectingStream } from "../streams/reconnecting-stream.ts";
import type { StreamState } from "../streams/stream-state.ts";
import { watchStream } from "../streams/watched-stream.ts";

/** What to measure. */
export interface MetricsRequest {
  /** Sent back as the label "instance". Default: the server's own instance id. */
  instanceId?: string | undefined;
  /** How often to measure, in whole seconds. 1 to 3,600; default 1. */
  intervalSeconds?: number | undefined;
}

/** Options of `ChatClient.streamMetrics`. */
export interface MetricsOptions {
  /** Ends the iteration, quietly and at once. */
  signal?: AbortSignal | undefined;
  /** Told each change of the stream's state. */
  onStateChange?: ((state: StreamState) => void) | undefined;
}

/** The metrics of one stream after another. */
export function streamMetrics(
  client: Client<typeof ChatService>,
  { backoff, heartbeatMs }: ResolvedOptions,
  { instanceId = "", intervalSeconds = 1 }: MetricsRequest,
  { signal, onStateChange }: MetricsOptions,
): AsyncIterable<Metric> {
  let isOpen = false;
  const metrics = new ReconnectingStream<Metric>({
    backoff,
    open() {
      isOpen = false;
      enter({ name: "connecting" });
      return watchStream(intervalSeconds * 1_000 + 2 * heartbeatMs, (inner) =>
        client.streamMetrics({ instanceId, intervalSeconds }, callOptions(inner, noDeadlineMs)),
      );
    },
    onWaiting: enter,
  });

  function enter(state: StreamState): void {
    callListener(() => onStateChange?.(state));
  }

  const stop = () => metrics.stop();

  async function* read(): AsyncGenerator<Metric, undefined, undefined> {
    let error: ConnectError | undefined;
    signal?.addEventListener("abort", stop);
    if (signal?.aborted) {
      stop();
    }
    try {
      for await (const metric of metrics) {
        if (isOpen) {
          metrics.resetBackoff();
        } else {
          isOpen = true;
          enter({ name: "open" });
        }
        yield metric;
      }
    } catch (reason) {
      error = ConnectError.from(reason);
      throw error;
    } finally {
      signal?.removeEventListener("abort", stop);
      stop();
      enter(error ? { name: "closed", error } : { name: "closed" });
    }
  }

  return {
    [Symbol.asyncIterator]() {
      const iterator = read();
      return {
        next: () => iterator.next(),
        return() {
          // First, so that a next() that waits for a metric does not hold it up.
          stop();
          return iterator.return(undefined);
        },
      };
    },
  };
}
