import { setMaxListeners } from "node:events";
import { Code, ConnectError } from "@connectrpc/connect";
import { Health } from "../gen/health/v1/health_pb.ts";
import type { Call, CallObservation, CallObserver } from "./call.ts";
import { maxTimerMs } from "./clamp-timeout.ts";

/** Options for {@link CallRegistry}. */
export interface CallRegistryOptions {
  /** Told of every call. */
  readonly observers?: readonly CallObserver[];
  /** Told of what observers throw. */
  readonly onError?: (error: unknown) => void;
}

/** What came of the beginning of a call; to be handed to {@link CallRegistry.end}. */
export interface BegunCall {
  readonly observations: readonly CallObservation[];
  /** Set when the call is to end at once with this error. */
  readonly refusal: ConnectError | undefined;
}

/**
 * The calls that a host serves, on all paths: every path begins and ends each call here, so
 * that what observes, counts or refuses calls is written once.
 *
 * Calls of `grpc.health.v1.Health` are never refused, and do not count as in flight: those
 * who ask for a server's health are to be told to the end.
 */
export class CallRegistry {
  readonly #observers: readonly CallObserver[];
  readonly #onError: (error: unknown) => void;
  readonly #open = new Set<Call>();
  #inFlightCount = 0;
  #refuse: (() => ConnectError) | undefined;
  readonly #draining = new AbortController();
  #onIdle: (() => void) | undefined;

  constructor({ observers = [], onError = () => {} }: CallRegistryOptions = {}) {
    this.#observers = observers;
    // One listener for each open stream is to be expected.
    setMaxListeners(0, this.#draining.signal);
    this.#onError = onError;
  }

  /** Calls that have begun and not ended, those of the health service left out. */
  get inFlightCount(): number {
    return this.#inFlightCount;
  }

  /** Takes a call in. Does not throw. */
  begin(call: Call, requestHeader: Headers): BegunCall {
    const observations: CallObservation[] = [];
    for (const observer of this.#observers) {
      try {
        const observation = observer(call, requestHeader);
        if (observation) {
          observations.push(observation);
        }
      } catch (error) {
        this.#onError(error);
      }
    }
    if (isInFlight(call)) {
      this.#inFlightCount += 1;
    }
    this.#open.add(call);
    return { observations, refusal: isInFlight(call) ? this.#refuse?.() : undefined };
  }

  /** Runs what a call does within all that its observers put around it. */
  run<T>({ observations }: BegunCall, action: () => T): T {
    let run = action;
    for (const observation of observations) {
      if (observation.run) {
        const inner = run;
        run = () => runWithin(observation, inner, this.#onError);
      }
    }
    return run();
  }

  /** Tells the observers of a call how it ended. A call that has ended is left alone. */
  end(call: Call, { observations }: BegunCall, error: ConnectError | undefined): void {
    if (!this.#open.delete(call)) {
      return;
    }
    const { receivedCount, sentCount } = call;
    const durationMs = performance.now() - call.startedAtMs;
    const end = { error, durationMs, receivedCount, sentCount };
    for (const observation of observations) {
      try {
        observation.onEnd(end);
      } catch (reason) {
        this.#onError(reason);
      }
    }
    if (isInFlight(call)) {
      this.#inFlightCount -= 1;
      if (this.#inFlightCount === 0) {
        this.#onIdle?.();
      }
    }
  }

  /** Aborts when calls begin to be refused, with the error that they end with. */
  get draining(): AbortSignal {
    return this.#draining.signal;
  }

  /** From now on calls that begin are to end with the error that this makes. */
  refuse(makeError: () => ConnectError): void {
    this.#refuse = makeError;
    this.#draining.abort(makeError());
  }

  /** Ends those of the calls in flight with the error that this makes. */
  fail(which: (call: Call) => boolean, makeError: () => ConnectError): void {
    for (const call of [...this.#open]) {
      if (isInFlight(call) && which(call)) {
        call.fail(makeError());
      }
    }
  }

  /** Calls of the lean path and others that are open, those of the health service too. */
  get open(): Iterable<Call> {
    return this.#open;
  }

  /** Resolves with true when no call is in flight, or with false when the time is up. */
  async idle(timeoutMs: number): Promise<boolean> {
    if (this.#inFlightCount > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, Math.min(timeoutMs, maxTimerMs));
      this.#onIdle = resolve;
      await promise;
      clearTimeout(timer);
      this.#onIdle = undefined;
    }
    return this.#inFlightCount === 0;
  }
}

/** What came of an action, whatever an observer around it does. */
type Result<T> = { readonly value: T } | { readonly error: unknown };

function runWithin<T>(
  observation: CallObservation,
  action: () => T,
  onError: (error: unknown) => void,
): T {
  let result: Result<T> | undefined;
  const attempt = () => {
    try {
      const value = action();
      result = { value };
      return value;
    } catch (error) {
      result = { error };
      throw error;
    }
  };
  try {
    observation.run?.(attempt);
  } catch (error) {
    if (!result || !("error" in result) || result.error !== error) {
      onError(error);
    }
  }
  if (!result) {
    return action();
  }
  if ("error" in result) {
    throw result.error;
  }
  return result.value;
}

/** What the caller is told of an error: one that is not meant for callers is INTERNAL. */
export function toCallerError(reason: unknown): ConnectError {
  return reason instanceof ConnectError
    ? reason
    : new ConnectError("internal error", Code.Internal, undefined, undefined, reason);
}

/** What ends a call whose caller hears no more of it. */
export function callerLeft(): ConnectError {
  return new ConnectError("the caller went away", Code.Canceled);
}

function isInFlight({ service }: Call): boolean {
  return service !== Health.typeName;
}
