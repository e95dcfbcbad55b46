import type { Message } from "@bufbuild/protobuf";
import {
  Code,
  type Interceptor,
  type StreamResponse,
  type UnaryResponse,
} from "@connectrpc/connect";
import {
  type Context,
  context,
  ProxyTracerProvider,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { withFrames } from "../frames/frame-stream.ts";
import { codeOf } from "./call-log.ts";
import { type CallEnd, createObserverInterceptor, type ObservedCall } from "./call-observer.ts";
import { requestContextKey } from "./request-context.ts";

/** Codes that count as errors of a server. */
const serverErrors = new Set<Code>([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

const headers: TextMapGetter<Headers> = {
  keys: (carrier) => [...carrier.keys()],
  get: (carrier, name) => carrier.get(name) ?? undefined,
};

/**
 * Traces every call of a Connect router as a server span, by OpenTelemetry's
 * conventions (https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/), within
 * the trace that the caller's headers name. Handlers run in the span's context,
 * also while they stream.
 *
 * Uses the SDK that is registered globally. While none is, a call is passed on
 * untouched, at the cost of a look-up.
 */
export function createTracingInterceptor(): Interceptor {
  return (next) => (request) => {
    const tracer = registeredTracer();
    if (tracer === undefined) {
      return next(request);
    }
    let spanContext = context.active();
    return createObserverInterceptor((call) => {
      const caller = propagation.extract(spanContext, call.requestHeader, headers);
      const span = startSpan(tracer, call, caller);
      spanContext = trace.setSpan(caller, span);
      return (end) => endSpan(span, end);
    })(async (observed) => {
      const response = await context.with(spanContext, () => next(observed));
      return within(spanContext, response);
    })(request);
  };
}

function registeredTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider
    ? provider.getDelegateTracer("@parley/host")
    : provider.getTracer("@parley/host");
}

function startSpan(tracer: Tracer, call: ObservedCall, caller: Context): Span {
  const { service, method, protocol, contextValues } = call;
  const peer = contextValues.get(requestContextKey)?.peer;
  const attributes = {
    "rpc.system": protocol === "connect" ? "connect_rpc" : "grpc",
    "rpc.service": service,
    "rpc.method": method,
    ...(peer !== undefined && { "network.peer.address": peer.slice(0, peer.lastIndexOf(":")) }),
  };
  return tracer.startSpan(`${service}/${method}`, { kind: SpanKind.SERVER, attributes }, caller);
}

function endSpan(span: Span, end: CallEnd): void {
  const { error } = end;
  span.setAttribute("rpc.response.status_code", codeOf(end));
  span.setAttribute("rpc.grpc.status_code", error?.code ?? 0);
  if (error !== undefined && serverErrors.has(error.code)) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.rawMessage });
  }
  span.end();
}

function within(
  spanContext: Context,
  response: UnaryResponse | StreamResponse,
): UnaryResponse | StreamResponse {
  if (!response.stream) {
    return response;
  }
  const { message } = response;
  const iterable: AsyncIterable<Message> = {
    [Symbol.asyncIterator]() {
      const inner = message[Symbol.asyncIterator]();
      return {
        next: () => context.with(spanContext, () => inner.next()),
        return: async (value) => (await inner.return?.(value)) ?? { done: true, value },
        async throw(error) {
          if (inner.throw === undefined) {
            throw error;
          }
          return await inner.throw(error);
        },
      };
    },
  };
  const traced = withFrames(message, iterable, (write) => context.with(spanContext, write));
  return { ...response, message: traced };
}
