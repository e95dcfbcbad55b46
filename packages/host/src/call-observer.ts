import {
  Code,
  ConnectError,
  type ContextValues,
  type Interceptor,
  type StreamRequest,
  type UnaryRequest,
} from "@connectrpc/connect";
import { mapBatches, withFrames } from "./frame-stream.ts";

/** A call that has begun. */
export interface ObservedCall {
  /** The service's full name. */
  readonly service: string;
  readonly method: string;
  readonly kind: "unary" | "server_streaming" | "client_streaming" | "bidi_streaming";
  readonly protocol: "connect" | "grpc" | "grpc-web";
  readonly requestHeader: Headers;
  /** Holds what is known of the HTTP request, under `requestContextKey`. */
  readonly contextValues: ContextValues;
}

/** How a call ended. */
export interface CallEnd {
  /** What the caller was told, or CANCELLED if it went away; undefined for success. */
  readonly error: ConnectError | undefined;
  /** From the first header to the end of the response, in milliseconds. */
  readonly durationMs: number;
  /** Messages that the handler read. */
  readonly receivedCount: number;
  /** Messages that were handed to the transport. */
  readonly sentCount: number;
}

/**
 * Called when a call begins, with a function to return that is called once when it
 * has ended. Neither may throw.
 */
export type CallObserver = (call: ObservedCall) => ((end: CallEnd) => void) | undefined;

/**
 * Tells observers of every call of a Connect router: when it begins, and how it
 * ended. A streaming call ends with its response. Put it first among the
 * interceptors, so that it sees what the others make of a call.
 *
 * What is no call never gets here: an unknown path, a content type that no protocol
 * has, or a unary request that cannot be decoded.
 */
export function createObserverInterceptor(...observers: readonly CallObserver[]): Interceptor {
  return (next) => async (request) => {
    const observation = observe(observers, request);
    try {
      const response = await next(
        request.stream
          ? { ...request, message: counted(request.message, observation.received) }
          : request,
      );
      if (response.stream) {
        return { ...response, message: observed(response.message, observation) };
      }
      observation.sent(1);
      observation.end();
      return response;
    } catch (error) {
      observation.end(error);
      throw error;
    }
  };
}

interface Observation {
  received(count: number): void;
  sent(count: number): void;
  end(error?: unknown): void;
}

function observe(
  observers: readonly CallObserver[],
  request: UnaryRequest | StreamRequest,
): Observation {
  const startedAtMs = performance.now();
  const call: ObservedCall = {
    service: request.service.typeName,
    method: request.method.name,
    kind: request.method.methodKind,
    protocol: protocolOf(request.header.get("content-type")),
    requestHeader: request.header,
    contextValues: request.contextValues,
  };
  const enders = observers.map((observer) => observer(call));
  let receivedCount = request.stream ? 0 : 1;
  let sentCount = 0;
  let ended = false;
  return {
    received(count) {
      receivedCount += count;
    },
    sent(count) {
      sentCount += count;
    },
    end(error) {
      if (ended) {
        return;
      }
      ended = true;
      const end: CallEnd = {
        error: error === undefined ? undefined : reasonOf(error, request.signal),
        durationMs: performance.now() - startedAtMs,
        receivedCount,
        sentCount,
      };
      for (const ender of enders) {
        ender?.(end);
      }
    },
  };
}

// What aborts a call on the server's side: its deadline, and a drain.
const abortedByServer = new Set<Code>([Code.DeadlineExceeded, Code.Unavailable]);

/** When a call was aborted, the reason for that rather than what broke in consequence. */
function reasonOf(error: unknown, { aborted, reason }: AbortSignal): ConnectError {
  if (!aborted) {
    // What Connect tells of an error that is not meant for callers.
    return error instanceof ConnectError
      ? error
      : new ConnectError("internal error", Code.Internal, undefined, undefined, error);
  }
  const abortion = ConnectError.from(reason, Code.Canceled);
  return abortedByServer.has(abortion.code) ? abortion : callerLeft();
}

function callerLeft(): ConnectError {
  return new ConnectError("the caller went away", Code.Canceled);
}

function protocolOf(contentType: string | null): ObservedCall["protocol"] {
  if (!contentType?.startsWith("application/grpc")) {
    return "connect";
  }
  return contentType.startsWith("application/grpc-web") ? "grpc-web" : "grpc";
}

function counted<T>(messages: AsyncIterable<T>, onMessages: (count: number) => void) {
  return mapBatches(messages, (batch) => {
    onMessages(batch.length);
    return batch;
  });
}

function observed<T>(messages: AsyncIterable<T>, observation: Observation): AsyncIterable<T> {
  const iterable: AsyncIterable<T> = {
    [Symbol.asyncIterator]() {
      const inner = messages[Symbol.asyncIterator]();
      return {
        async next() {
          try {
            const result = await inner.next();
            if (result.done) {
              observation.end();
            } else {
              observation.sent(1);
            }
            return result;
          } catch (error) {
            observation.end(error);
            throw error;
          }
        },
        async return(value) {
          // Before its end, a response is given up only when its caller has gone.
          observation.end(callerLeft());
          return (await inner.return?.(value)) ?? { done: true, value };
        },
        async throw(error) {
          observation.end(callerLeft());
          if (inner.throw === undefined) {
            throw error;
          }
          return await inner.throw(error);
        },
      };
    },
  };
  return withFrames(messages, iterable, async (write, sink) => {
    try {
      await write();
      observation.sent(sink.messageCount);
      observation.end();
    } catch (error) {
      observation.sent(sink.messageCount);
      observation.end(error);
      throw error;
    }
  });
}
