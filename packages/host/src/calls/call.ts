import type { DescMethod } from "@bufbuild/protobuf";
import {
  type ConnectError,
  type ContextKey,
  type ContextValues,
  createContextKey,
} from "@connectrpc/connect";
import type { CallRequest } from "./call-request.ts";

/**
 * A call that a host serves, from its headers to the end of its response: the same for
 * whichever path serves it. Interceptors and handlers find theirs under {@link callKey}.
 */
export interface Call {
  /** The full name of the service, also where an alias of it was called. */
  readonly service: string;
  /** The name of the method. */
  readonly method: string;
  readonly kind: DescMethod["methodKind"];
  readonly protocol: "connect" | "grpc" | "grpc-web";
  /** What serves it: the lean path, or Connect's own handlers. */
  readonly path: "lean" | "stock";
  /** The request that it came in, and who sent it. */
  readonly request: CallRequest;
  readonly contextValues: ContextValues;
  /** When it began, by `performance.now()`. */
  readonly startedAtMs: number;
  /** Messages that have been read from the caller so far. */
  readonly receivedCount: number;
  /** Messages that have been handed to the transport so far. */
  readonly sentCount: number;
  /**
   * Waits until there is room for an answer of so many bytes among what waits to be sent on
   * this call's connection and on all of them, and takes it until the call's stream has
   * closed. A handler that is about to load much calls it first, so that callers who do not
   * read cost no memory. Undefined, rather than a promise, when there is room already.
   * Calling it again changes the size of what is taken, and never waits.
   *
   * Rejects with a ConnectError when the call ends before there is room.
   */
  reserve(bytes: number): Promise<void> | undefined;
  /**
   * Ends the call with this error whatever its handler does: the caller is told, and the
   * signal of the handler aborts with it. Does nothing when it has ended. Never throws.
   */
  fail(error: ConnectError): void;
}

/** How a call ended. */
export interface CallEnd {
  /** What the caller was told, or CANCELLED if it went away; undefined for success. */
  readonly error: ConnectError | undefined;
  /** From the first header to the end of the response, in milliseconds. */
  readonly durationMs: number;
  /** Messages that were read from the caller. */
  readonly receivedCount: number;
  /** Messages that were handed to the transport. */
  readonly sentCount: number;
}

/** What an observer does with one call. */
export interface CallObservation {
  /** Called once, when the call has ended. */
  onEnd(end: CallEnd): void;
  /** Runs what the call's interceptors and handler do, to do it within a context. */
  run?<T>(action: () => T): T;
}

/**
 * Called when a call begins, those included that are refused or cannot be decoded. What an
 * observer throws is reported to the host's `onError`, and changes nothing for the call.
 */
export type CallObserver = (call: Call, requestHeader: Headers) => CallObservation | undefined;

/** Where interceptors and handlers find the {@link Call} that they serve. */
export const callKey: ContextKey<Call | undefined> = createContextKey<Call | undefined>(undefined, {
  description: "the call",
});
