import type { DescMethod, Message } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ContextKey,
  type ContextValues,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { type Call, callKey } from "../calls/call.ts";
import {
  type BegunCall,
  type CallRegistry,
  callerLeft,
  toCallerError,
} from "../calls/call-registry.ts";
import type { CallRequest } from "../calls/call-request.ts";
import { asCallerFault } from "../calls/caller-fault.ts";
import { clampTimeout } from "../calls/clamp-timeout.ts";
import { takeUnsendable } from "../calls/header-check.ts";
import { type GuardedBody, guardBody } from "../guards/guard-body.ts";
import type { CallMemory, Hold } from "../limits/call-memory.ts";
import { callRequestKey, isReadableJson, protocolOf, unknownRequest } from "./stock-request.ts";

/** What calls of one service on the stock path share. */
export interface StockOptions {
  /** The longest timeout that a caller may ask for. */
  readonly maxTimeoutMs: number;
  readonly calls: CallRegistry;
  readonly memory: CallMemory;
  readonly bodyTimeoutMs: number;
  readonly maxJsonValues: number;
  readonly validate: ((method: DescMethod, message: Message, index: number) => void) | undefined;
}

/** Leads from what interceptors and gates are given to the call. */
export const stockCallKey: ContextKey<StockCall | undefined> = createContextKey<
  StockCall | undefined
>(undefined, { description: "the call on the stock path" });

/** A piece of a response that is smaller does not count: there is one for each call. */
const uncountedBytes = 65_536;

/** What an interceptor passes a request on to. */
export type Next<Request, Response> = (request: Request) => Promise<Response>;

/** One call that Connect's own handler serves. */
export class StockCall implements Call {
  readonly path = "stock";
  readonly startedAtMs: number = performance.now();
  readonly service: string;
  readonly method: string;
  readonly kind: DescMethod["methodKind"];
  readonly protocol: Call["protocol"];
  readonly request: CallRequest;
  readonly contextValues: ContextValues;
  receivedCount = 0;
  sentCount = 0;
  readonly #method: DescMethod;
  readonly #options: StockOptions;
  readonly #incoming: UniversalServerRequest;
  readonly #controller = new AbortController();
  readonly #hold: Hold;
  #hasReserved = false;
  #body: GuardedBody | undefined;
  #begun: BegunCall | undefined;
  /** What Connect's handler tells the handler, and in the end the caller. */
  #context: HandlerContext | undefined;
  #failure: ConnectError | undefined;
  #error: ConnectError | undefined;
  /** What broke in Connect's own part: in reading the request, or in writing the response. */
  #broken: unknown;
  #timeoutError: ConnectError | undefined;
  #hasLeft = false;
  /** What the call waits for: its handler, and room in memory that this has asked for. */
  readonly #pending = new Set<(error: ConnectError) => void>();

  constructor(method: DescMethod, incoming: UniversalServerRequest, options: StockOptions) {
    this.service = method.parent.typeName;
    this.method = method.name;
    this.kind = method.methodKind;
    this.#method = method;
    this.#options = options;
    this.#incoming = incoming;
    this.protocol = protocolOf(incoming.header);
    this.contextValues = incoming.contextValues ?? createContextValues();
    this.request = this.contextValues.get(callRequestKey) ?? unknownRequest(incoming);
    this.#hold = options.memory.open(this.request.connection);
  }

  async serve(handler: UniversalHandler): Promise<UniversalServerResponse> {
    const { signal } = this.#incoming;
    const onAbort = () => this.#controller.abort(signal.reason);
    if (signal.aborted) {
      onAbort();
    } else {
      signal.addEventListener("abort", onAbort, { once: true });
    }
    this.request.onClosed(() => {
      this.#hasLeft = true;
      this.#hold.release();
      if (this.#begun) {
        this.#end(callerLeft());
      }
    });
    const { maxTimeoutMs } = this.#options;
    this.#timeoutError = clampTimeout(this.#incoming.header, this.protocol, maxTimeoutMs);
    try {
      const response = await handler({
        ...this.#incoming,
        body: this.#guardBody(),
        signal: this.#controller.signal,
        contextValues: this.contextValues.set(callKey, this).set(stockCallKey, this),
      });
      if (!response.body) {
        this.#end(this.#error ?? this.#untoldError());
        return response;
      }
      return { ...response, body: this.#sendBody(response.body) };
    } catch (error) {
      this.#end(toCallerError(error));
      throw error;
    }
  }

  /** Begins the call, whose protocol is known to be one; throws when it is refused. */
  open(context: HandlerContext): void {
    this.#context = context;
    this.#watchAbort(context);
    context.signal.addEventListener("abort", () => {
      const { reason } = context.signal;
      // As on the lean path, whatever its handler does. What else aborts is told to that alone.
      if (reason instanceof ConnectError && reason.code === Code.DeadlineExceeded) {
        this.fail(reason);
      }
    });
    this.#begun = this.#options.calls.begin(this, this.#incoming.header);
    if (this.#hasLeft) {
      this.#end(callerLeft());
      throw callerLeft();
    }
    const refusal = this.#begun.refusal ?? this.#failure;
    if (refusal) {
      this.#error = refusal;
      throw refusal;
    }
  }

  /** Runs a gate, if there is one: its refusal is the call's end. */
  async passGate(gate: (() => void | Promise<void>) | undefined): Promise<void> {
    try {
      if (gate) {
        await this.#untilFailed(async () => gate());
      }
      if (this.#timeoutError) {
        throw asCallerFault(this.#timeoutError);
      }
    } catch (error) {
      throw this.#failed(error);
    }
  }

  reserve(bytes: number): Promise<void> | undefined {
    if (this.#hasReserved) {
      this.#hold.resize(bytes);
      return undefined;
    }
    this.#hasReserved = true;
    const room = this.#hold.reserve(bytes);
    return room && this.#untilFailed(() => room);
  }

  fail(error: ConnectError): void {
    this.#failure ??= error;
    // Before the abort, so that the caller gets this error, not the handler's.
    for (const reject of this.#pending) {
      reject(this.#failure);
    }
    this.#body?.giveUp(this.#failure);
    this.#controller.abort(this.#failure);
  }

  async invokeUnary(
    request: UnaryRequest,
    next: Next<UnaryRequest, UnaryResponse>,
  ): Promise<UnaryResponse> {
    try {
      this.receivedCount = 1;
      this.#options.validate?.(this.#method, request.message, 0);
      await this.#untilRoom();
      const response = await this.#run(() => next(request));
      this.#checkHeaders(response);
      this.sentCount = 1;
      return response;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  async invokeStream(
    request: StreamRequest,
    next: Next<StreamRequest, StreamResponse>,
  ): Promise<StreamResponse> {
    try {
      await this.#untilRoom();
      const message = this.#receive(request.message);
      const response = await this.#run(() => next({ ...request, message }));
      return { ...response, message: this.#send(response) };
    } catch (error) {
      throw this.#failed(error);
    }
  }

  async *#receive(messages: AsyncIterable<Message>): AsyncGenerator<Message> {
    const reader = messages[Symbol.asyncIterator]();
    try {
      for (let result = await this.#next(reader); !result.done; result = await this.#next(reader)) {
        const index = this.receivedCount;
        this.receivedCount += 1;
        this.#options.validate?.(this.#method, result.value, index);
        yield result.value;
      }
    } finally {
      await reader.return?.();
    }
  }

  async #next(reader: AsyncIterator<Message>): Promise<IteratorResult<Message>> {
    try {
      return await reader.next();
    } catch (error) {
      throw asCallerFault(error);
    }
  }

  #send(response: StreamResponse): AsyncIterable<Message> {
    const begin = () => response.message[Symbol.asyncIterator]();
    let inner: AsyncIterator<Message> | undefined;
    const stop = () => {
      // Not awaited: a generator returns only once what it awaits has settled.
      Promise.resolve(inner?.return?.()).catch(() => {});
    };
    const iterator: AsyncIterator<Message> = {
      next: async () => {
        try {
          const result = await this.#run(async () => {
            inner ??= begin();
            return inner.next();
          });
          this.#checkHeaders(response);
          this.sentCount += result.done ? 0 : 1;
          return result;
        } catch (error) {
          stop();
          throw this.#failed(error);
        }
      },
      return: async (value) => {
        if (this.#hasLeft || this.#incoming.signal.aborted) {
          this.#error ??= callerLeft();
        }
        return (await inner?.return?.(value)) ?? { done: true, value };
      },
      throw: async (error) => {
        this.#failed(error);
        stop();
        throw error;
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  /** What leaves the server: its end is the call's. */
  #sendBody(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    const pieces = body[Symbol.asyncIterator]();
    const iterator: AsyncIterator<Uint8Array> = {
      next: async () => {
        const result = await pieces.next();
        if (result.done) {
          this.#end(this.#error ?? this.#untoldError());
          return result;
        }
        if (this.kind === "unary") {
          // In the place of what its handler has reserved.
          this.#hold.resize(result.value.byteLength);
        } else {
          await this.#untilTaken(result.value.byteLength);
        }
        return result;
      },
      return: async (value) => {
        this.#end(callerLeft());
        return (await pieces.return?.(value)) ?? { done: true, value };
      },
      throw: async (error) => {
        this.#end(callerLeft());
        if (!pieces.throw) {
          throw error;
        }
        return await pieces.throw(error);
      },
    };
    return { [Symbol.asyncIterator]: () => iterator };
  }

  #guardBody(): UniversalServerRequest["body"] {
    const { body } = this.#incoming;
    // Else a framework has parsed it by itself.
    if (typeof body !== "object" || body === null || !(Symbol.asyncIterator in body)) {
      return body;
    }
    const takesOne = this.kind === "unary" || this.kind === "server_streaming";
    this.#body = guardBody(body as AsyncIterable<Uint8Array>, {
      isEnveloped: this.protocol !== "connect" || this.kind !== "unary",
      timeoutMs: takesOne ? this.#options.bodyTimeoutMs : 0,
      maxJsonValues: isReadableJson(this.#incoming.header)
        ? this.#options.maxJsonValues
        : undefined,
      hold: this.#hold,
    });
    return this.#body;
  }

  /** What others of its connection wait for is taken first. */
  async #untilRoom(): Promise<void> {
    const room = this.#hold.reserve(0);
    if (room) {
      await this.#untilFailed(() => room);
    }
  }

  /** A piece is held until the next one is asked for, unless its handler has seen to that. */
  async #untilTaken(bytes: number): Promise<void> {
    if (this.#hasReserved) {
      return;
    }
    this.#hold.resize(0);
    const room = bytes > uncountedBytes ? this.#hold.reserve(bytes) : undefined;
    if (room) {
      // A call that has failed meanwhile says so in what follows.
      await this.#untilFailed(() => room).catch(() => this.#hold.stopWaiting());
    }
  }

  #run<T>(action: () => Promise<T>): Promise<T> {
    const begun = this.#begun;
    return this.#untilFailed(() => (begun ? this.#options.calls.run(begun, action) : action()));
  }

  // Not Promise.race with one promise for the whole call: each message would leave a reaction
  // on it for as long as the call lives.
  #untilFailed<T>(run: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure) {
        reject(this.#failure);
        return;
      }
      this.#pending.add(reject);
      const settle = () => this.#pending.delete(reject);
      run().then(resolve, reject).finally(settle);
    });
  }

  #checkHeaders({ header, trailer }: UnaryResponse | StreamResponse): void {
    const error = takeUnsendable(header) ?? takeUnsendable(trailer);
    if (error) {
      throw error;
    }
  }

  /** The error that the caller is told. When the caller has gone, that is why it failed. */
  #failed(error: unknown): ConnectError {
    const told = this.#failure ?? toCallerError(error);
    takeUnsendable(told.metadata);
    this.#error ??= !this.#failure && this.#incoming.signal.aborted ? callerLeft() : told;
    return told;
  }

  /** What went wrong beside the handler: in reading the request, or in writing the response. */
  #untoldError(): ConnectError | undefined {
    if (this.#broken !== undefined) {
      const error = toCallerError(this.#broken);
      // Once the handler has answered, it is the answer that broke, in being written.
      return this.sentCount === 0 ? asCallerFault(error) : error;
    }
    return this.#context && findTrailerError(this.#context.responseTrailer);
  }

  /** Connect's handlers tell what broke to nobody but their context. */
  #watchAbort(context: HandlerContext & { abort?: (reason?: unknown) => void }): void {
    const { abort } = context;
    context.abort = (reason) => {
      this.#broken ??= reason;
      abort?.(reason);
    };
  }

  #end(error: ConnectError | undefined): void {
    const begun = this.#begun;
    this.#begun = undefined;
    if (begun) {
      this.#options.calls.end(this, begun, error);
    }
    if (!this.contextValues.get(callRequestKey)) {
      // Nobody tells when it has left.
      this.#hold.release();
    }
  }
}
