import type { IncomingHttpHeaders, ServerHttp2Stream } from "node:http2";
import {
  create,
  type DescMethod,
  type DescService,
  type Message,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import {
  type ConnectRouter,
  type ContextValues,
  createContextValues,
  type HandlerContext,
  type Interceptor,
} from "@connectrpc/connect";
import { isFrameStream, OneMessage } from "../frames/frame-stream.ts";
import { LeanCall } from "./lean-call.ts";
import { LeanHandlerContext, streamResponse, unaryResponse } from "./lean-context.ts";
import type { LeanMethod } from "./lean-method.ts";
import type { LeanStream } from "./lean-stream.ts";
import { leanProtocols } from "./protocols/lean-protocols.ts";

/** Options for {@link createLeanPath}; those of the Connect plugin beside it should agree. */
export interface LeanPathOptions {
  /** The same as the plugin's. */
  readonly routes: (router: ConnectRouter) => void;
  /** The same as the plugin's. */
  readonly interceptors?: readonly Interceptor[];
  /** The largest message taken, in bytes. Default 4 GiB less 1, as Connect has it. */
  readonly readMaxBytes?: number;
  /** The largest message sent, in bytes; frames that a handler makes itself are not checked. */
  readonly writeMaxBytes?: number;
  /** The longest timeout that a caller may ask for, in milliseconds. */
  readonly maxTimeoutMs?: number;
  /**
   * How long the request of a call that takes one message may take to arrive whole, in
   * milliseconds. Default 120_000; 0 for no limit. See `guardRequests`.
   */
  readonly bodyTimeoutMs?: number;
  /** Other names that services are called by; see `rewriteServiceAliases`. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Makes what is known of a stream available to interceptors and handlers. */
  readonly contextValues?: (stream: ServerHttp2Stream) => ContextValues;
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
    values: ContextValues,
  ) => boolean;
}

const maxMessageBytes = 0xffffffff;

/**
 * Creates the lean path of a server: uncompressed protobuf calls of all four kinds, by
 * gRPC, gRPC-Web and Connect over HTTP/2, are served without Node's compatibility layer,
 * Fastify, and the chain of generators that Connect runs each message through. It runs
 * the same interceptors and implementations, which can not tell the difference, and may
 * offer and take more than one message at a time (see `frame-stream.ts`).
 *
 * Whatever it does not serve is left to the stock plugin: other paths, JSON,
 * compression, GET, HTTP/1, and requests with an Origin, which CORS is about.
 */
export function createLeanPath(options: LeanPathOptions): LeanPath {
  const limits = {
    readMaxBytes: options.readMaxBytes ?? maxMessageBytes,
    writeMaxBytes: options.writeMaxBytes ?? maxMessageBytes,
    maxTimeoutMs: options.maxTimeoutMs ?? Number.MAX_SAFE_INTEGER,
    bodyTimeoutMs: options.bodyTimeoutMs ?? 120_000,
  };
  const methods = collectMethods(options);
  const contextValues = options.contextValues ?? createContextValues;

  function serve<T extends LeanStream>(
    stream: T,
    headers: IncomingHttpHeaders,
    values: (stream: T) => ContextValues,
  ): boolean {
    const method = methods.get(headers[":path"] as string);
    const protocol = leanProtocols.get(headers["content-type"] as string);
    if (
      method === undefined ||
      protocol === undefined ||
      headers[":method"] !== "POST" ||
      !protocol.serves(method.method.methodKind) ||
      (headers[protocol.encodingHeader] ?? "identity") !== "identity" ||
      (headers["connect-protocol-version"] ?? "1") !== "1"
    ) {
      return false;
    }
    new LeanCall(stream, headers, method, protocol, limits, values(stream));
    return true;
  }

  return {
    // A request with an Origin is from a page of another origin, maybe: what it may see
    // is decided by HTTP headers.
    serveStream: (stream, headers) =>
      headers.origin === undefined && serve(stream, headers, contextValues),
    serve: (stream, headers, values) => serve(stream, headers, () => values),
  };
}

type Implementation = (input: unknown, context: HandlerContext) => unknown;

function collectMethods(options: LeanPathOptions): ReadonlyMap<string, LeanMethod> {
  const methods = new Map<string, LeanMethod>();
  const names = new Map<string, string[]>();
  for (const [alias, name] of Object.entries(options.aliases ?? {})) {
    names.set(name, [...(names.get(name) ?? []), alias]);
  }

  function add(method: DescMethod, implementation: Implementation): void {
    const { typeName } = method.parent;
    const url = `/${typeName}/${method.name}`;
    const invoke = intercept(createInvoke(method, implementation), options.interceptors ?? []);
    for (const name of [typeName, ...(names.get(typeName) ?? [])]) {
      methods.set(`/${name}/${method.name}`, { method, url, invoke });
    }
  }

  // What routes see of a router: it takes services, and single methods.
  const router: Pick<ConnectRouter, "handlers" | "service" | "rpc"> = {
    handlers: [],
    service(service: DescService, implementation: Record<string, unknown>) {
      for (const method of service.methods) {
        const run = implementation[method.localName];
        if (typeof run === "function") {
          add(method, run.bind(implementation));
        }
      }
      return router as ConnectRouter;
    },
    rpc(method: DescMethod, implementation: unknown) {
      add(method, implementation as Implementation);
      return router as ConnectRouter;
    },
  } as ConnectRouter;
  options.routes(router as ConnectRouter);
  return methods;
}

function intercept(
  invoke: LeanMethod["invoke"],
  interceptors: readonly Interceptor[],
): LeanMethod["invoke"] {
  return interceptors.reduceRight<LeanMethod["invoke"]>(
    (next, interceptor) => interceptor(next) as LeanMethod["invoke"],
    invoke,
  );
}

/** The innermost of the calls that interceptors surround: the implementation's. */
function createInvoke(method: DescMethod, implementation: Implementation): LeanMethod["invoke"] {
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
