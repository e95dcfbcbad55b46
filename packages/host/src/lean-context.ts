import type { Message } from "@bufbuild/protobuf";
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
  /** Calls back when the call has ended, with its error if any; at once if it has. */
  onEnd(callback: (error: ConnectError | undefined) => void): void;
  /** Messages that the handler read. */
  readonly receivedCount: number;
  /** Messages that were handed to the transport. */
  readonly messageCount: number;
}

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

  // Headers are made when somebody looks at them.

  get responseHeader(): Headers {
    return this.#state.responseHeader;
  }

  get responseTrailer(): Headers {
    return this.#state.responseTrailer;
  }

  /** Bound: handlers take contexts apart. */
  readonly timeoutMs = (): number | undefined => this.#state.timeoutMs();
}

/** The response of a unary handler. */
export function unaryResponse(request: UnaryRequest, message: Message): UnaryResponse {
  const { service, method } = request;
  return respond(request, { service, method, stream: false, message });
}

/** The response of a streaming handler. */
export function streamResponse(
  request: StreamRequest,
  message: AsyncIterable<Message>,
): StreamResponse {
  const { service, method } = request;
  return respond(request, { service, method, stream: true, message });
}

type WithoutHeaders<T> = Omit<T, "header" | "trailer">;

function respond<T extends UnaryResponse | StreamResponse>(
  request: UnaryRequest | StreamRequest,
  parts: WithoutHeaders<T>,
): T {
  const state = stateOf(request);
  // Of its own, and enumerable, so that they are there in a copy.
  const response = Object.defineProperties(parts as T, {
    header: { enumerable: true, get: () => state.responseHeader },
    trailer: { enumerable: true, get: () => state.responseTrailer },
  });
  state.ownResponse = response;
  return response;
}
