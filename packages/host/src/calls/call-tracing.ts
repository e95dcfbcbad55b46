import { Code } from "@connectrpc/connect";
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
import type { Call, CallEnd, CallObservation, CallObserver } from "./call.ts";
import { codeOf } from "./call-log.ts";

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
 * Creates what traces every call as a server span, by OpenTelemetry's
 * conventions (https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/), within
 * the trace that the caller's headers name. Handlers run in the span's context,
 * also while they stream.
 *
 * Uses the SDK that is registered globally. While none is, a call costs a look-up.
 */
export function createCallTracing(): CallObserver {
  return (call, requestHeader) => {
    const tracer = registeredTracer();
    return tracer && new TracedCall(tracer, call, requestHeader);
  };
}

class TracedCall implements CallObservation {
  readonly #span: Span;
  readonly #context: Context;

  constructor(tracer: Tracer, call: Call, requestHeader: Headers) {
    const caller = propagation.extract(context.active(), requestHeader, headers);
    this.#span = startSpan(tracer, call, caller);
    this.#context = trace.setSpan(caller, this.#span);
  }

  run<T>(action: () => T): T {
    return context.with(this.#context, action);
  }

  onEnd(end: CallEnd): void {
    endSpan(this.#span, end);
  }
}

function registeredTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  return provider instanceof ProxyTracerProvider
    ? provider.getDelegateTracer("@parley/host")
    : provider.getTracer("@parley/host");
}

function startSpan(tracer: Tracer, call: Call, caller: Context): Span {
  const { service, method, protocol, request } = call;
  const { peer } = request;
  const attributes = {
    "rpc.system": protocol === "connect" ? "connect_rpc" : "grpc",
    "rpc.service": service,
    "rpc.method": method,
    "network.peer.address": peer.slice(0, peer.lastIndexOf(":")),
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
