import { setMaxListeners } from "node:events";
import { toBinary } from "@bufbuild/protobuf";
import { DurationSchema, durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { Health as HealthService } from "../gen/health/v1/health_pb.ts";
import { callStateKey, type EndCallback } from "../lean/lean-context.ts";
import type { Listener } from "../listener/listener.ts";
import type { Health } from "../services/health.ts";
import { type Call, trackStream, trackUnary } from "./track-call.ts";

/** Options for {@link createDrain}. */
export interface DrainOptions {
  /** What is closed in the end. */
  readonly listener: Pick<Listener, "close">;
  /** What tells load balancers and clients of the drain. */
  readonly health?: Pick<Health, "shutdown" | "close">;
  /** How long calls in flight may take to end, all in all. Default 10_000. */
  readonly timeoutMs?: number;
  /**
   * How long streaming calls get to end by themselves after
   * {@link Drain.signal} was aborted, before they are ended with UNAVAILABLE.
   * Default: half of `timeoutMs`.
   */
  readonly streamTimeoutMs?: number;
  /** What refused clients are told to wait before they try again. Default 1_000. */
  readonly retryDelayMs?: number;
}

/** The graceful end of a server. */
export interface Drain {
  /**
   * For the `interceptors` of the Connect router; put it first, observers of calls
   * aside, so that it counts a call until the others are done. It counts calls in
   * flight and refuses new ones once the drain has started, with UNAVAILABLE and a
   * `google.rpc.RetryInfo`. Calls of `grpc.health.v1.Health` pass, and are not
   * counted.
   */
  readonly interceptor: Interceptor;
  /**
   * Aborts when the drain starts; its reason is a ConnectError with
   * Code.Unavailable. A streaming handler that knows it sends what it still has,
   * then throws the reason: its client loses nothing, and tries again elsewhere.
   *
   * It is not the signal of a handler's context, which aborts for a streaming call
   * only after `streamTimeoutMs`. Do not pass it to the router as `shutdownSignal`
   * either: that would abort the unary calls that the drain lets finish.
   */
  readonly signal: AbortSignal;
  /** Calls in flight, those of the health service left out. */
  readonly callCount: number;
  /**
   * Drains the server:
   *
   * 1. Health turns to NOT_SERVING, `signal` aborts, and new calls are refused; the
   *    port still accepts, so that they are told UNAVAILABLE.
   * 2. After `streamTimeoutMs`, streaming calls that still run are ended with
   *    UNAVAILABLE, and the signals of their handlers abort with it. Unary calls have
   *    until `timeoutMs`; then they are ended likewise.
   * 3. As soon as no call is in flight, health watches are ended and the listener is
   *    closed with the time that is left, but at least half a second, for what has
   *    been answered to reach its client. What is still open then is destroyed.
   *
   * So it resolves within `timeoutMs` plus half a second, even with clients that never
   * read. It never rejects. A second call returns the promise of the first.
   */
  run(): Promise<void>;
}

const minCloseTimeoutMs = 500;

/** Creates the drain of a server. Calls are only counted behind its interceptor. */
export function createDrain(options: DrainOptions): Drain {
  const { listener, health, timeoutMs = 10_000, retryDelayMs = 1_000 } = options;
  const { streamTimeoutMs = timeoutMs / 2 } = options;
  const controller = new AbortController();
  const calls = new Set<Call>();
  let onIdle = () => {};
  let running: Promise<void> | undefined;
  // One listener for each open stream is to be expected.
  setMaxListeners(0, controller.signal);

  const tracked = {
    add: (call: Call) => calls.add(call),
    delete(call: Call) {
      if (calls.delete(call) && calls.size === 0) {
        onIdle();
      }
    },
  };

  function endCalls(which: (call: Call) => boolean) {
    for (const call of [...calls].filter(which)) {
      call.fail(unavailable(retryDelayMs));
    }
  }

  const untrack: EndCallback = (_, call) => tracked.delete(call);

  const interceptor: Interceptor = (next) => (request) => {
    if (request.service.typeName === HealthService.typeName) {
      return next(request);
    }
    if (controller.signal.aborted) {
      return Promise.reject(unavailable(retryDelayMs));
    }
    const onLeanPath = request.contextValues.get(callStateKey);
    if (onLeanPath) {
      // Such a call ends by itself when it is told to.
      tracked.add(onLeanPath);
      onLeanPath.onEnd(untrack);
      return next(request);
    }
    return request.stream
      ? trackStream(request, next, tracked)
      : trackUnary(request, next, tracked);
  };

  async function drain() {
    const deadlineMs = performance.now() + timeoutMs;
    health?.shutdown();
    controller.abort(unavailable(retryDelayMs));
    if (calls.size > 0) {
      const streamTimer = setTimeout(() => endCalls((call) => call.isStream), streamTimeoutMs);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        onIdle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      clearTimeout(streamTimer);
      endCalls(() => true);
    }
    health?.close();
    await listener.close({
      timeoutMs: Math.max(deadlineMs - performance.now(), minCloseTimeoutMs),
    });
  }

  return {
    interceptor,
    signal: controller.signal,
    get callCount() {
      return calls.size;
    },
    run() {
      running ??= drain();
      return running;
    },
  };
}

function unavailable(retryDelayMs: number): ConnectError {
  const error = new ConnectError("the server is draining", Code.Unavailable);
  // google.rpc.RetryInfo has one field, retry_delay = 1. Two bytes of header need no
  // generated code: a length of 10 bytes, a Duration's largest, fits in one.
  const delay = toBinary(DurationSchema, durationFromMs(retryDelayMs));
  error.details.push({
    type: "google.rpc.RetryInfo",
    value: Uint8Array.of(0x0a, delay.length, ...delay),
  });
  return error;
}
