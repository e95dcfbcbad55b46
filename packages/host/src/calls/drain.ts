import { Code, ConnectError } from "@connectrpc/connect";
import type { Listener } from "../listener/listener.ts";
import type { Health } from "../services/health.ts";
import { retryInfo } from "./retry-info.ts";
import type { Routing } from "./routing.ts";

/** Options for {@link createDrain}. */
export interface DrainOptions {
  /** The calls that are let end. */
  readonly routing: Pick<Routing, "calls">;
  /** What is closed in the end. */
  readonly listener: Pick<Listener, "close">;
  /** What tells load balancers and clients of the drain. */
  readonly health?: Pick<Health, "drain" | "close"> | undefined;
  /** How long calls in flight may take to end, all in all. Default 10_000. */
  readonly timeoutMs?: number | undefined;
  /**
   * How long streaming calls get to end by themselves after
   * {@link Drain.signal} was aborted, before they are ended with UNAVAILABLE.
   * Default: half of `timeoutMs`.
   */
  readonly streamTimeoutMs?: number | undefined;
  /** What refused clients are told to wait before they try again. Default 1_000. */
  readonly retryDelayMs?: number | undefined;
}

/** How a server comes to its end without losing anything. */
export interface Drain {
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
   * 1. Health turns to NOT_SERVING, `signal` aborts, and new calls, those of the health
   *    service aside, are refused with UNAVAILABLE and a `google.rpc.RetryInfo`; the
   *    port still accepts, so that they are told.
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

/** Creates the drain of a server. */
export function createDrain(options: DrainOptions): Drain {
  const { routing, listener, health, timeoutMs = 10_000, retryDelayMs = 1_000 } = options;
  const { streamTimeoutMs = timeoutMs / 2 } = options;
  const { calls } = routing;
  let running: Promise<void> | undefined;
  const makeError = () => unavailable(retryDelayMs);

  async function drain() {
    const deadlineMs = performance.now() + timeoutMs;
    health?.drain();
    calls.refuse(makeError);
    if (!(await calls.idle(streamTimeoutMs))) {
      calls.fail(({ kind }) => kind !== "unary", makeError);
      if (!(await calls.idle(deadlineMs - performance.now()))) {
        calls.fail(() => true, makeError);
      }
    }
    health?.close();
    await listener.close({
      timeoutMs: Math.max(deadlineMs - performance.now(), minCloseTimeoutMs),
    });
  }

  return {
    signal: calls.draining,
    get callCount() {
      return calls.inFlightCount;
    },
    run() {
      running ??= drain();
      return running;
    },
  };
}

function unavailable(retryDelayMs: number): ConnectError {
  return new ConnectError("the server is draining", Code.Unavailable, undefined, [
    retryInfo(retryDelayMs),
  ]);
}
