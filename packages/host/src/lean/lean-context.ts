import type { Message } from "@bufbuild/protobuf";
import {
  type ContextKey,
  type ContextValues,
  createContextKey,
  type HandlerContext,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import type { Call } from "../calls/call.ts";
import type { LeanMethod } from "./lean-method.ts";

/** What a call on the lean path keeps that its handler and interceptors share. */
export interface LeanCallState extends Call {
  readonly target: LeanMethod;
  /** Absolute, as handlers and interceptors of Connect see it. */
  readonly url: string;
  readonly signal: AbortSignal;
  readonly responseHeader: Headers;
  readonly responseTrailer: Headers;
  timeoutMs(): number | undefined;
  /** What the handler's side answered, before interceptors. */
  ownResponse: UnaryResponse | StreamResponse | undefined;
}

/** Leads from the request that interceptors pass on to the call that it belongs to. */
export const leanCallKey: ContextKey<LeanCallState | undefined> = createContextKey<
  LeanCallState | undefined
>(undefined, { description: "the call on the lean path" });

/** The same, on the request itself: a copy that an interceptor passes on has it too. */
const leanCall = Symbol("the call on the lean path");

function stateOf(request: UnaryRequest | StreamRequest): LeanCallState {
  const { [leanCall]: own } = request as { [leanCall]?: LeanCallState };
  const state = own ?? request.contextValues.get(leanCallKey);
  if (!state) {
    throw new Error("an interceptor has put a request of its own in the place of the call's");
  }
  return state;
}

/** As `createContextValues` makes them, without functions of their own. */
export class LeanContextValues implements ContextValues {
  [id: symbol]: unknown;

  get<T>({ id, defaultValue }: ContextKey<T>): T {
    return id in this ? (this[id] as T) : defaultValue;
  }

  set<T>({ id }: ContextKey<T>, value: T): this {
    this[id] = value;
    return this;
  }

  delete({ id }: ContextKey<unknown>): this {
    delete this[id];
    return this;
  }
}

/** The context that a handler is given, from the request as interceptors have left it. */
export class LeanHandlerContext implements HandlerContext {
  readonly #request: UnaryRequest | StreamRequest;
  readonly #state: LeanCallState;

  constructor(request: UnaryRequest | StreamRequest) {
    this.#request = request;
    this.#state = stateOf(request);
  }

  get service(): HandlerContext["service"] {
    return this.#request.service;
  }

  get method(): HandlerContext["method"] {
    return this.#request.method;
  }

  get protocolName(): string {
    return this.#state.protocol;
  }

  get requestMethod(): string {
    return this.#request.requestMethod;
  }

  get url(): string {
    return this.#request.url;
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  get requestHeader(): Headers {
    return this.#request.header;
  }

  get values(): ContextValues {
    return this.#request.contextValues;
  }

  get responseHeader(): Headers {
    return this.#state.responseHeader;
  }

  get responseTrailer(): Headers {
    return this.#state.responseTrailer;
  }

  /** Of its own: handlers take contexts apart. */
  get timeoutMs(): () => number | undefined {
    const state = this.#state;
    return () => state.timeoutMs();
  }
}

/** The request that interceptors are given. Its signal is made when somebody looks at it. */
export function createLeanRequest(
  call: LeanCallState,
  header: Headers,
  message: Message | AsyncIterable<Message> | undefined,
): UnaryRequest | StreamRequest {
  const { method } = call.target;
  return {
    stream: method.methodKind !== "unary",
    service: method.parent,
    method,
    requestMethod: "POST",
    get url() {
      return call.url;
    },
    get signal() {
      return call.signal;
    },
    header,
    contextValues: call.contextValues,
    message,
    [leanCall]: call,
  } as UnaryRequest | StreamRequest;
}

/** The response of a unary handler. */
export function unaryResponse(request: UnaryRequest, message: Message): UnaryResponse {
  const state = stateOf(request);
  const response: UnaryResponse = {
    stream: false,
    service: request.service,
    method: request.method as UnaryResponse["method"],
    message,
    header: state.responseHeader,
    trailer: state.responseTrailer,
  };
  state.ownResponse = response;
  return response;
}

/** The response of a streaming handler. */
export function streamResponse(
  request: StreamRequest,
  message: AsyncIterable<Message>,
): StreamResponse {
  const state = stateOf(request);
  const response: StreamResponse = {
    stream: true,
    service: request.service,
    method: request.method as StreamResponse["method"],
    message,
    // Of its own, and enumerable, so that they are in a copy too. An idle stream has none.
    get header() {
      return state.responseHeader;
    },
    get trailer() {
      return state.responseTrailer;
    },
  };
  state.ownResponse = response;
  return response;
}
