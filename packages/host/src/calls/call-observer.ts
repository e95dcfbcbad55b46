import {
  Code,
  ConnectError,
  type ContextValues,
  type Interceptor,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { mapBatches } from "../frames/frame-stream.ts";
import { type CallState, callStateKey } from "../lean/lean-context.ts";
import { callerLeft } from "./caller-left.ts";

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
  return (next) => (request) => {
    const startedAtMs = performance.now();
    const call = new BegunCall(request);
    const end = toEnd(
      observers.map((observer) => observer(call)),
      startedAtMs,
    );
    // A call on the lean path counts its messages itself, and knows when it has ended.
    const state = request.contextValues.get(callStateKey);
    if (state) {
      state.onEnd(end);
      return next(request);
    }
    return observe(request, next, end);
  };
}

/** How many messages went through a call. */
type MessageCounts = Pick<CallState, "receivedCount" | "messageCount">;
type End = (error: ConnectError | undefined, counts: MessageCounts) => void;

class BegunCall implements ObservedCall {
  readonly service: string;
  readonly method: string;
  readonly kind: ObservedCall["kind"];
  readonly protocol: ObservedCall["protocol"];
  readonly contextValues: ContextValues;
  readonly #request: UnaryRequest | StreamRequest;

  constructor(request: UnaryRequest | StreamRequest) {
    this.service = request.service.typeName;
    this.method = request.method.name;
    this.kind = request.method.methodKind;
    this.protocol = protocolOf(request);
    this.contextValues = request.contextValues;
    this.#request = request;
  }

  get requestHeader(): Headers {
    return this.#request.header;
  }
}

/** Apart from where the call is looked at: it is kept no longer than observers do. */
function toEnd(enders: readonly ReturnType<CallObserver>[], startedAtMs: number): End {
  return (error, { receivedCount, messageCount }) => {
    const durationMs = performance.now() - startedAtMs;
    const end = { error, durationMs, receivedCount, sentCount: messageCount };
    for (const ender of enders) {
      ender?.(end);
    }
  };
}

async function observe(
  request: UnaryRequest | StreamRequest,
  next: (request: UnaryRequest | StreamRequest) => Promise<UnaryResponse | StreamResponse>,
  end: End,
): Promise<UnaryResponse | StreamResponse> {
  let receivedCount = request.stream ? 0 : 1;
  let sentCount = 0;
  let ended = false;
  const finish = (error?: ConnectError) => {
    if (!ended) {
      ended = true;
      end(error, { receivedCount, messageCount: sentCount });
    }
  };
  try {
    const response = await next(
      request.stream
        ? {
            ...request,
            message: mapBatches(request.message, (batch) => {
              receivedCount += batch.length;
              return batch;
            }),
          }
        : request,
    );
    if (!response.stream) {
      sentCount = 1;
      finish();
      return response;
    }
    const inner = response.message[Symbol.asyncIterator]();
    const message = {
      async next() {
        try {
          const result = await inner.next();
          if (result.done) {
            finish();
          } else {
            sentCount += 1;
          }
          return result;
        } catch (error) {
          finish(reasonOf(error, request.signal));
          throw error;
        }
      },
      async return(value: unknown) {
        // Before its end, a response is given up only when its caller has gone.
        finish(callerLeft());
        return (await inner.return?.(value)) ?? { done: true as const, value };
      },
      async throw(error: unknown) {
        finish(callerLeft());
        if (inner.throw === undefined) {
          throw error;
        }
        return await inner.throw(error);
      },
    };
    return { ...response, message: { [Symbol.asyncIterator]: () => message } } as StreamResponse;
  } catch (error) {
    finish(reasonOf(error, request.signal));
    throw error;
  }
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

function protocolOf(request: UnaryRequest | StreamRequest): ObservedCall["protocol"] {
  const known = request.contextValues.get(callStateKey)?.protocolName;
  if (known !== undefined) {
    return known;
  }
  const contentType = request.header.get("content-type");
  if (!contentType?.startsWith("application/grpc")) {
    return "connect";
  }
  return contentType.startsWith("application/grpc-web") ? "grpc-web" : "grpc";
}
