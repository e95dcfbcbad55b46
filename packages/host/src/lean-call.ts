import type { IncomingHttpHeaders } from "node:http2";
import { create, type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ContextValues,
  type StreamRequest,
  type StreamResponse,
  type UnaryRequest,
  type UnaryResponse,
} from "@connectrpc/connect";
import { callerLeft } from "./caller-left.ts";
import { frameMessages } from "./envelope-reader.ts";
import {
  type BatchStream,
  type FrameSink,
  isFrameStream,
  readBatches,
  writeFrames,
} from "./frame-stream.ts";
import { type CallState, callStateKey } from "./lean-context.ts";
import type { LeanProtocol, ResponseParts } from "./lean-protocols.ts";
import { readMessageBatches, readSingleMessage, readWholeBody } from "./lean-request-body.ts";
import type { LeanStream } from "./lean-stream.ts";

/** A method as the lean path serves it. */
export interface LeanMethod {
  readonly method: DescMethod;
  readonly url: string;
  /** The interceptors around the implementation. */
  readonly invoke: (
    request: UnaryRequest | StreamRequest,
  ) => Promise<UnaryResponse | StreamResponse>;
}

export interface LeanLimits {
  readonly readMaxBytes: number;
  readonly writeMaxBytes: number;
  readonly maxTimeoutMs: number;
  readonly bodyTimeoutMs: number;
}

/** One call on a stream of its own, from its headers to the end of its response. */
export class LeanCall implements FrameSink, CallState {
  onDrain: (() => void) | undefined;
  messageCount = 0;
  receivedCount = 0;
  ownResponse: UnaryResponse | StreamResponse | undefined;
  readonly protocolName: CallState["protocolName"];
  readonly #stream: LeanStream;
  readonly #method: LeanMethod;
  readonly #protocol: LeanProtocol;
  readonly #limits: LeanLimits;
  readonly #headers: IncomingHttpHeaders;
  readonly #values: ContextValues;
  readonly #timeoutMs: number | undefined;
  readonly #startedAtMs = performance.now();
  #controller: AbortController | undefined;
  #requestHeader: Headers | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  #timer: NodeJS.Timeout | undefined;
  #error: ConnectError | undefined;
  #ended = false;
  #endCallbacks: ((error: ConnectError | undefined) => void)[] = [];
  #onEnd: ((error: ConnectError) => void) | undefined;

  constructor(
    stream: LeanStream,
    headers: IncomingHttpHeaders,
    method: LeanMethod,
    protocol: LeanProtocol,
    limits: LeanLimits,
    values: ContextValues,
  ) {
    this.#stream = stream;
    this.#headers = headers;
    this.#method = method;
    this.#protocol = protocol;
    this.protocolName = protocol.name;
    this.#limits = limits;
    this.#values = values.set(callStateKey, this);
    const { timeoutMs, error } = protocol.timeout(headers, limits.maxTimeoutMs);
    this.#timeoutMs = timeoutMs;
    // A write to a stream whose client has gone is an error that nobody needs to hear of.
    stream.on("error", ignoreError);
    stream.once("close", () => this.#onClose());
    stream.on("drain", () => this.onDrain?.());
    if (error) {
      this.fail(error);
    } else {
      if (timeoutMs !== undefined) {
        this.#timer = setTimeout(() => this.#onTimeout(), timeoutMs);
      }
      this.#run().catch((reason: unknown) => this.fail(reason));
    }
  }

  // What interceptors and the handler see of the call.

  /** Aborts when the caller goes away, its deadline passes, or the call has ended. */
  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#ended) {
        this.#controller.abort(this.#error);
      }
    }
    return this.#controller.signal;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  timeoutMs(): number | undefined {
    return this.#timeoutMs === undefined
      ? undefined
      : this.#timeoutMs - (performance.now() - this.#startedAtMs);
  }

  // FrameSink

  get isFull(): boolean {
    return this.#stream.writableNeedDrain;
  }

  write(frames: Uint8Array, messageCount: number): boolean {
    if (this.#ended || this.#stream.destroyed) {
      return false;
    }
    if (!this.#stream.headersSent) {
      this.#protocol.begin(this.#stream, this.#responseHeader, () => this.#parts());
    }
    this.messageCount += messageCount;
    return this.#stream.write(frames);
  }

  async #run(): Promise<void> {
    const { method, invoke } = this.#method;
    if (method.methodKind === "unary") {
      const message = await this.#readSingle();
      const response = await invoke(this.#request(message));
      if (response.stream) {
        throw new ConnectError("a unary method has one response", Code.Internal);
      }
      this.#takeHeaders(response);
      this.#respond(this.#encode(response.message));
      return;
    }
    const message =
      method.methodKind === "server_streaming"
        ? single(await this.#readSingle())
        : this.#messages();
    const response = await invoke(this.#request(message));
    this.#takeHeaders(response);
    if (!response.stream) {
      throw new ConnectError("a streaming method has a stream of responses", Code.Internal);
    }
    if (isFrameStream(response.message)) {
      await this.#untilEnded(response.message[writeFrames](this));
    } else {
      await this.#writeMessages(response.message);
    }
    this.#takeHeaders(response);
    this.#end();
  }

  async #writeMessages(messages: AsyncIterable<Message>): Promise<void> {
    const iterator = messages[Symbol.asyncIterator]();
    try {
      for (;;) {
        const result = await this.#untilEnded(iterator.next());
        if (result.done) {
          return;
        }
        if (!this.write(frameMessages([this.#encode(result.value)]), 1)) {
          await this.#untilEnded(this.#drained());
        }
      }
    } catch (error) {
      // Not awaited: a generator returns only once what it awaits has settled.
      iterator.return?.().catch(ignoreError);
      throw error;
    }
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      this.onDrain = resolve;
    });
  }

  /** Settles as the promise does, or rejects when the call ends before it. */
  #untilEnded<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(resolve, reject);
      if (this.#ended) {
        reject(this.#error ?? callerLeft());
      } else {
        this.#onEnd = reject;
      }
    });
  }

  /** Signal and headers are made when somebody looks at them. */
  #request(message: Message): UnaryRequest;
  #request(message: AsyncIterable<Message>): StreamRequest;
  #request(message: Message | AsyncIterable<Message>): UnaryRequest | StreamRequest {
    const call = this;
    const { method, url } = this.#method;
    return {
      stream: method.methodKind !== "unary",
      service: method.parent,
      method,
      requestMethod: "POST",
      url,
      get signal() {
        return call.signal;
      },
      get header() {
        call.#requestHeader ??= toWebHeaders(call.#headers);
        return call.#requestHeader;
      },
      contextValues: this.#values,
      message,
    } as UnaryRequest | StreamRequest;
  }

  /** All messages of one chunk at a time. */
  #messages(): BatchStream<Message> {
    const batches = () =>
      readMessageBatches(
        this.#stream,
        this.#limits.readMaxBytes,
        (bytes) => this.#decode(bytes),
        () => this.#ended,
      );
    return {
      async *[Symbol.asyncIterator]() {
        for await (const batch of batches()) {
          yield* batch;
        }
      },
      [readBatches]: batches,
    };
  }

  async #readSingle(): Promise<Message> {
    const { readMaxBytes } = this.#limits;
    const decode = (bytes: Uint8Array) => this.#decode(bytes);
    const message = this.#protocol.enveloped
      ? readSingleMessage(this.#stream, readMaxBytes, this.#method.method, decode)
      : readWholeBody(this.#stream, readMaxBytes, decode);
    const { bodyTimeoutMs } = this.#limits;
    const timer =
      bodyTimeoutMs > 0 ? setTimeout(() => this.#onLateBody(), bodyTimeoutMs) : undefined;
    try {
      return await this.#untilEnded(message);
    } finally {
      clearTimeout(timer);
    }
  }

  #decode(bytes: Uint8Array): Message {
    this.receivedCount += 1;
    try {
      return fromBinary(this.#method.method.input, bytes);
    } catch (error) {
      // As the stock path has it, and gRPC's list of codes.
      throw new ConnectError(`parse binary: ${(error as Error).message}`, Code.Internal);
    }
  }

  #encode(message: Message): Uint8Array {
    const { output } = this.#method.method;
    const bytes = toBinary(output, create(output, message));
    const { writeMaxBytes } = this.#limits;
    if (bytes.byteLength > writeMaxBytes) {
      throw new ConnectError(
        `message size ${bytes.byteLength} is larger than configured writeMaxBytes ${writeMaxBytes}`,
        Code.ResourceExhausted,
      );
    }
    return bytes;
  }

  // Ending

  /** Interceptors may have put other headers in the place of the handler's. */
  #takeHeaders(response: UnaryResponse | StreamResponse): void {
    if (response !== this.ownResponse) {
      this.#responseHeader = response.header;
      this.#responseTrailer = response.trailer;
    }
  }

  #parts(): ResponseParts {
    return {
      header: this.#responseHeader,
      trailer: this.#responseTrailer,
      error: this.#error,
    };
  }

  #respond(message: Uint8Array): void {
    this.messageCount += 1;
    if (!this.#finish(undefined)) {
      return;
    }
    this.#protocol.respond(this.#stream, message, this.#parts());
  }

  #end(): void {
    if (this.#finish(undefined)) {
      this.#protocol.end(this.#stream, this.#parts());
    }
  }

  onEnd(callback: (error: ConnectError | undefined) => void): void {
    if (this.#ended) {
      callback(this.#error);
    } else {
      this.#endCallbacks.push(callback);
    }
  }

  fail(reason: unknown): void {
    const error =
      reason instanceof ConnectError
        ? reason
        : new ConnectError("internal error", Code.Internal, undefined, undefined, reason);
    if (this.#finish(error)) {
      this.#protocol.end(this.#stream, this.#parts());
    }
  }

  /** Marks the call as ended. False when it was, or when nobody is there to be told. */
  #finish(error: ConnectError | undefined): boolean {
    if (this.#ended) {
      return false;
    }
    this.#ended = true;
    this.#error = error;
    clearTimeout(this.#timer);
    this.#onEnd?.(error ?? callerLeft());
    this.#onEnd = undefined;
    this.#controller?.abort(error);
    const callbacks = this.#endCallbacks;
    this.#endCallbacks = [];
    for (const callback of callbacks) {
      callback(error);
    }
    return !this.#stream.destroyed;
  }

  #onTimeout(): void {
    this.fail(new ConnectError("the operation timed out", Code.DeadlineExceeded));
  }

  #onLateBody(): void {
    const { bodyTimeoutMs } = this.#limits;
    const message = `the request took more than ${bodyTimeoutMs} ms`;
    this.fail(new ConnectError(message, Code.DeadlineExceeded));
  }

  #onClose(): void {
    this.#finish(callerLeft());
    this.onDrain?.();
  }
}

async function* single(message: Message): AsyncGenerator<Message> {
  yield message;
}

function toWebHeaders(headers: IncomingHttpHeaders): Headers {
  const web = new Headers();
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (name.startsWith(":") || value === undefined) {
      continue;
    }
    for (const one of Array.isArray(value) ? value : [value]) {
      web.append(name, one);
    }
  }
  return web;
}

function ignoreError(): void {}
