import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import { create, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import type { CallRequest } from "../calls/call-request.ts";
import type { RoutedMethod, Routing } from "../calls/routing.ts";
import { isFrameStream, OneMessage } from "../frames/frame-stream.ts";
import { LeanCall } from "./lean-call.ts";
import { LeanHandlerContext, streamResponse, unaryResponse } from "./lean-context.ts";
import type { LeanMethod } from "./lean-method.ts";
import type { LeanStream } from "./lean-stream.ts";
import { leanProtocols } from "./protocols/lean-protocols.ts";

/** Options for {@link createLeanPath}. */
export interface LeanPathOptions {
  /** What is known of the request of a stream; `ofStream` of `createCallRequests`. */
  readonly requestOf: (stream: ServerHttp2Stream) => CallRequest;
}

/** Serves common calls from their HTTP/2 stream itself. */
export interface LeanPath {
  /** For the listener's option of this name. */
  readonly serveStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean;
  /**
   * Serves a call that another transport carries, whose headers are those of an HTTP/2
   * request. False when the call is not for the lean path; then the stream is untouched.
   */
  readonly serve: (
    stream: LeanStream,
    headers: IncomingHttpHeaders,
    request: CallRequest,
  ) => boolean;
  /** Calls that it has served, or serves. */
  readonly callCount: number;
}

/**
 * Creates the lean path of a server: uncompressed protobuf calls of all four kinds, by
 * gRPC, gRPC-Web and Connect over HTTP/2, are served without Node's compatibility layer,
 * Fastify, and the chain of generators that Connect runs each message through. It runs
 * the interceptors and implementations of the routing, with its options, and they can not tell
 * the difference; they may offer and take more than one message at a time (see
 * `frame-stream.ts`).
 *
 * Whatever it does not serve is left to the stock path: other paths, JSON,
 * compression, GET, HTTP/1, and requests with an Origin, which CORS is about.
 */
export function createLeanPath(routing: Routing, { requestOf }: LeanPathOptions): LeanPath {
  const methods = collectMethods(routing);
  let callCount = 0;
  abortOnShutdown(routing);

  function serve<T extends LeanStream>(
    stream: T,
    headers: IncomingHttpHeaders,
    request: (stream: T) => CallRequest,
  ): boolean {
    const target = methods.get(headers[":path"] as string);
    const protocol = leanProtocols.get(headers["content-type"] as string);
    if (
      target === undefined ||
      protocol === undefined ||
      headers[":method"] !== "POST" ||
      !protocol.serves(target.method.methodKind) ||
      !isEnabled(protocol.name, target, headers) ||
      (headers[protocol.encodingHeader] ?? "identity") !== "identity" ||
      (headers["connect-protocol-version"] ?? "1") !== "1"
    ) {
      return false;
    }
    callCount += 1;
    LeanCall.serve({ stream, headers, target, protocol, request: request(stream) });
    return true;
  }

  return {
    // A request with an Origin is from a page of another origin, maybe: what it may see
    // is decided by HTTP headers.
    serveStream: (stream, headers) =>
      headers.origin === undefined && serve(stream, headers, requestOf),
    serve: (stream, headers, request) => serve(stream, headers, () => request),
    get callCount() {
      return callCount;
    },
  };
}

/** Whether the protocol is switched on; what is refused for its form, the stock path refuses. */
function isEnabled(
  protocol: "connect" | "grpc" | "grpc-web",
  { options }: LeanMethod,
  headers: IncomingHttpHeaders,
): boolean {
  switch (protocol) {
    case "grpc":
      return options.grpc !== false;
    case "grpc-web":
      return options.grpcWeb !== false;
    case "connect":
      return (
        options.connect !== false &&
        (!options.requireConnectProtocolHeader || "connect-protocol-version" in headers)
      );
  }
}

/** Aborts the signals of handlers, as Connect's own do, by the signal of their service. */
function abortOnShutdown({ methods, calls }: Routing): void {
  for (const signal of new Set(methods.map(({ options }) => options.shutdownSignal))) {
    signal?.addEventListener("abort", () => {
      for (const call of [...calls.open]) {
        if (call instanceof LeanCall && call.target.options.shutdownSignal === signal) {
          call.abort(signal.reason);
        }
      }
    });
  }
}

function collectMethods(routing: Routing): ReadonlyMap<string, LeanMethod> {
  const methods = new Map<string, LeanMethod>();
  for (const routed of routing.methods) {
    const { method, options } = routed;
    const { typeName } = method.parent;
    const aliases = Object.entries(routing.aliases).filter(([, name]) => name === typeName);
    const invoke = intercept(createInvoke(routed), options.interceptors);
    const path = `/${typeName}/${method.name}`;
    for (const name of [typeName, ...aliases.map(([alias]) => alias)]) {
      methods.set(`/${name}/${method.name}`, { method, path, invoke, options, routing });
    }
  }
  return methods;
}

function intercept(
  invoke: LeanMethod["invoke"],
  interceptors: RoutedMethod["options"]["interceptors"],
): LeanMethod["invoke"] {
  return interceptors.reduceRight<LeanMethod["invoke"]>(
    (next, interceptor) => interceptor(next) as LeanMethod["invoke"],
    invoke,
  );
}

/** The innermost of the calls that interceptors surround: the implementation's. */
function createInvoke({ method, implementation }: RoutedMethod): LeanMethod["invoke"] {
  const { input, output, methodKind } = method;
  const toMessage = (message: unknown) =>
    create(output, message as MessageInitShape<typeof output>);
  const toMessages = (messages: unknown) => {
    const stream = messages as AsyncIterable<Message>;
    return isFrameStream(stream) ? stream : mapStream(stream, toMessage);
  };
  return async (request) => {
    const context = new LeanHandlerContext(request);
    if (!request.stream) {
      const message = toMessage(await implementation(request.message, context));
      return unaryResponse(request, message);
    }
    switch (methodKind) {
      case "client_streaming": {
        const message = toMessage(await implementation(request.message, context));
        return streamResponse(request, new OneMessage(message));
      }
      case "server_streaming": {
        const { message } = request;
        const only = message instanceof OneMessage ? message.message : await first(message);
        const messages = toMessages(implementation(only ?? create(input), context));
        return streamResponse(request, messages);
      }
      default: {
        const messages = toMessages(implementation(request.message, context));
        return streamResponse(request, messages);
      }
    }
  };
}

async function first(messages: AsyncIterable<Message>): Promise<Message | undefined> {
  for await (const message of messages) {
    return message;
  }
  return undefined;
}

function mapStream<T, U>(messages: AsyncIterable<T>, map: (message: T) => U): AsyncIterable<U> {
  return {
    [Symbol.asyncIterator]() {
      const inner = messages[Symbol.asyncIterator]();
      return {
        async next() {
          const result = await inner.next();
          return result.done ? { done: true, value: undefined } : { value: map(result.value) };
        },
        async return() {
          await inner.return?.();
          return { done: true, value: undefined };
        },
      };
    },
  };
}
