import type { IncomingHttpHeaders } from "node:http2";
import type { DescMethod, Message } from "@bufbuild/protobuf";
import {
  type ConnectError,
  type ContextKey,
  type ContextValues,
  createContextKey,
  type HandlerContext,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { RequestHeaders } from "./lean-headers.ts";

/** What a call keeps that its handler and interceptors share. */
export interface CallState {
  readonly protocolName: "connect" | "grpc" | "grpc-web";
  readonly responseHeader: Headers;
  readonly responseTrailer: Headers;
  timeoutMs(): number | undefined;
  /** What the handler's side answered, before interceptors. */
  ownResponse: UnaryResponse | StreamResponse | undefined;
  /** Ends the call with this error, whatever its handler does. */
  fail(error: ConnectError): void;
  /** Calls back when the call has ended; at once if it has. */
  onEnd(callback: EndCallback): void;
  /** Whether it is of a method with a stream on either side. */
  readonly isStream: boolean;
  /** Messages that the handler read. */
  readonly receivedCount: number;
  /** Messages that were handed to the transport. */
  readonly messageCount: number;
}

/** Called with the error that the caller is told, if any. */
export type EndCallback = (error: ConnectError | undefined, call: CallState) => void;

/** Leads from the request that interceptors pass on to the call that it belongs to. */
export const callStateKey: ContextKey<CallState | undefined> = createContextKey<
  CallState | undefined
>(undefined, { description: "the call on the lean path" });

function stateOf(request: UnaryRequest | StreamRequest): CallState {
  const state = request.contextValues.get(callStateKey);
  if (!state) {
    throw new Error("an interceptor has put other context values in the place of the call's");
  }
  return state;
}

/** The context that a handler is given, from the request as interceptors have left it. */
export class LeanHandlerContext implements HandlerContext {
  readonly #request: UnaryRequest | StreamRequest;
  readonly #state: CallState;

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
    return this.#state.protocolName;
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

/** What a request is made of. */
interface RequestParts {
  readonly target: { readonly method: DescMethod; readonly url: string };
  readonly values: ContextValues;
  readonly signal: AbortSignal;
}

/** The request that interceptors are given. Its signal is made when somebody looks at it. */
export function createLeanRequest(
  call: RequestParts,
  headers: IncomingHttpHeaders,
  message: Message | AsyncIterable<Message>,
): UnaryRequest | StreamRequest {
  const { method, url } = call.target;
  return {
    stream: method.methodKind !== "unary",
    service: method.parent,
    method,
    requestMethod: "POST",
    url,
    get signal() {
      return call.signal;
    },
    header: new RequestHeaders(headers),
    contextValues: call.values,
    message,
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
