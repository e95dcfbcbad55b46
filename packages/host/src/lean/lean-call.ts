import type { IncomingHttpHeaders } from "node:http2";
import { create, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ContextValues,
  type StreamResponse,
  type UnaryResponse,
} from "@connectrpc/connect";
import { callerLeft } from "../calls/caller-left.ts";
import {
  type BatchStream,
  type FrameSink,
  type FrameSource,
  isFrameStream,
  OneMessage,
  readBatches,
  writeFrames,
} from "../frames/frame-stream.ts";
import { writeMessages } from "../frames/write-messages.ts";
import { endUpload } from "../listener/end-upload.ts";
import {
  type CallState,
  callStateKey,
  createLeanRequest,
  type EndCallback,
} from "./lean-context.ts";
import { changedOnly, ResponseHeaders } from "./lean-headers.ts";
import type { LeanLimits, LeanMethod } from "./lean-method.ts";
import {
  readMessageBatches,
  SingleEnvelopeReader,
  type SingleMessageReader,
  WholeBodyReader,
} from "./lean-request-body.ts";
import {
  awaitDrain,
  type LeanStream,
  ownStream,
  type StreamOwner,
  startReading,
  stopReading,
} from "./lean-stream.ts";
import type { LeanProtocol, ResponseParts } from "./protocols/lean-protocols.ts";

const none: readonly EndCallback[] = [];

/** One call on a stream of its own, from its headers to the end of its response. */
export class LeanCall implements FrameSink, CallState, ResponseParts, StreamOwner {
  source: FrameSource | undefined;
  messageCount = 0;
  receivedCount = 0;
  ownResponse: UnaryResponse | StreamResponse | undefined;
  readonly values: ContextValues;
  readonly target: LeanMethod;
  readonly #carrier: LeanStream;
  readonly #protocol: LeanProtocol;
  readonly #limits: LeanLimits;
  /** Until the request is made of them. */
  #headers: IncomingHttpHeaders | undefined;
  readonly #timeoutMs: number | undefined;
  readonly #startedAtMs = performance.now();
  #single: SingleMessageReader | undefined;
  #controller: AbortController | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  /** What an interceptor put in the place of the handler's response: it may add trailers. */
  #replacement: StreamResponse | undefined;
  #bodyTimer: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #error: ConnectError | undefined;
  #ended = false;
  #drainAwaited = false;
  #endCallbacks: readonly EndCallback[] = none;

  constructor(
    stream: LeanStream,
    headers: IncomingHttpHeaders,
    target: LeanMethod,
    protocol: LeanProtocol,
    limits: LeanLimits,
    values: ContextValues,
  ) {
    this.#carrier = stream;
    this.#headers = headers;
    this.target = target;
    this.#protocol = protocol;
    this.#limits = limits;
    this.values = values.set(callStateKey, this);
    const { timeoutMs, error } = protocol.timeout(headers, limits.maxTimeoutMs);
    this.#timeoutMs = timeoutMs;
    ownStream(stream, this);
    if (error) {
      this.fail(error);
      return;
    }
    if (timeoutMs !== undefined) {
      this.#timer = setTimeout(onTimeout, timeoutMs, this);
    }
    const { methodKind } = target.method;
    if (methodKind === "unary" || methodKind === "server_streaming") {
      this.#readSingle();
    } else {
      this.#serve(this.#messages());
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

  get protocolName(): CallState["protocolName"] {
    return this.#protocol.name;
  }

  get isStream(): boolean {
    return this.target.method.methodKind !== "unary";
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new ResponseHeaders();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new ResponseHeaders();
    return this.#responseTrailer;
  }

  timeoutMs(): number | undefined {
    return this.#timeoutMs === undefined
      ? undefined
      : this.#timeoutMs - (performance.now() - this.#startedAtMs);
  }

  // FrameSink

  get isFull(): boolean {
    return this.#carrier.writableNeedDrain;
  }

  write(frames: Uint8Array, messageCount: number): boolean {
    const stream = this.#carrier;
    if (this.#ended || stream.destroyed) {
      return false;
    }
    if (!stream.headersSent) {
      this.#protocol.begin(stream, this);
    }
    this.messageCount += messageCount;
    const hasRoom = stream.write(frames);
    if (!hasRoom && !this.#drainAwaited) {
      this.#drainAwaited = true;
      awaitDrain(stream);
    }
    return hasRoom;
  }

  /** Serves the call whose request has begun, or is there. */
  async #serve(message: Message | AsyncIterable<Message>): Promise<void> {
    try {
      const request = createLeanRequest(this, this.#headers ?? {}, message);
      this.#headers = undefined;
      const response = await this.target.invoke(request);
      this.#takeHeaders(response);
      if (response.stream !== this.isStream) {
        const what = this.isStream
          ? "a streaming method has a stream of responses"
          : "a unary method has one response";
        throw new ConnectError(what, Code.Internal);
      }
      if (!response.stream) {
        this.#respond(this.#encode(response.message));
        return;
      }
      this.#stream(response);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Holds no more of request and response than it needs: this may take days. */
  #stream(response: StreamResponse): void {
    const { message } = response;
    this.#replacement = response === this.ownResponse ? undefined : response;
    this.ownResponse = undefined;
    if (isFrameStream(message)) {
      message[writeFrames](this);
    } else {
      writeMessages(this, message, (one) => this.#encode(one));
    }
  }

  end(): void {
    if (this.#replacement) {
      this.#takeHeaders(this.#replacement);
    }
    if (this.#finish(undefined)) {
      this.#protocol.end(this.#carrier, this);
    }
  }

  /** All messages of one chunk at a time. */
  #messages(): BatchStream<Message> {
    const batches = () =>
      readMessageBatches(this.#carrier, this.#limits.readMaxBytes, this, () => this.#ended);
    return {
      async *[Symbol.asyncIterator]() {
        for await (const batch of batches()) {
          yield* batch;
        }
      },
      [readBatches]: batches,
    };
  }

  #readSingle(): void {
    const { readMaxBytes, bodyTimeoutMs } = this.#limits;
    this.#single = this.#protocol.enveloped
      ? new SingleEnvelopeReader(readMaxBytes, this.target.method.methodKind, this)
      : new WholeBodyReader(readMaxBytes, this);
    if (bodyTimeoutMs > 0) {
      this.#bodyTimer = setTimeout(onLateBody, bodyTimeoutMs, this, bodyTimeoutMs);
    }
    startReading(this.#carrier);
  }

  onChunk(chunk: Buffer): void {
    try {
      this.#single?.push(chunk);
    } catch (error) {
      this.#carrier.pause();
      this.fail(error);
    }
  }

  onRequestEnd(): void {
    clearTimeout(this.#bodyTimer);
    const single = this.#single;
    if (this.isStream) {
      // A response may live long: what read its request need not.
      this.#single = undefined;
      this.#bodyTimer = undefined;
      stopReading(this.#carrier);
    }
    if (this.#ended || !single) {
      return;
    }
    try {
      const message = single.end();
      this.#serve(this.isStream ? new OneMessage(message) : message);
    } catch (error) {
      this.fail(error);
    }
  }

  /** @throws ConnectError when the bytes are no message of the method. */
  decode(bytes: Uint8Array): Message {
    this.receivedCount += 1;
    try {
      return fromBinary(this.target.method.input, bytes);
    } catch (error) {
      // As the stock path has it, and gRPC's list of codes.
      throw new ConnectError(`parse binary: ${(error as Error).message}`, Code.Internal);
    }
  }

  #encode(message: Message): Uint8Array {
    const { output } = this.target.method;
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

  get header(): Headers | undefined {
    return changedOnly(this.#responseHeader);
  }

  get trailer(): Headers | undefined {
    return changedOnly(this.#responseTrailer);
  }

  get error(): ConnectError | undefined {
    return this.#error;
  }

  #respond(message: Uint8Array): void {
    this.messageCount += 1;
    if (this.#finish(undefined)) {
      this.#protocol.respond(this.#carrier, message, this);
    }
  }

  onEnd(callback: EndCallback): void {
    if (this.#ended) {
      callback(this.#error, this);
    } else {
      // An array that is pushed to takes room for 16 more.
      this.#endCallbacks = [...this.#endCallbacks, callback];
    }
  }

  fail(reason: unknown): void {
    const error =
      reason instanceof ConnectError
        ? reason
        : new ConnectError("internal error", Code.Internal, undefined, undefined, reason);
    if (this.#finish(error)) {
      this.#protocol.end(this.#carrier, this);
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
    clearTimeout(this.#bodyTimer);
    this.#controller?.abort(error);
    const { source } = this;
    this.source = undefined;
    source?.onClose();
    for (const callback of this.#endCallbacks) {
      callback(error, this);
    }
    this.#endCallbacks = none;
    if (this.#carrier.destroyed) {
      return false;
    }
    if (!this.#carrier.readableEnded) {
      this.#carrier.once("finish", endUpload);
    }
    return true;
  }

  onStreamDrain(): void {
    this.#drainAwaited = false;
    this.source?.onDrain();
  }

  onStreamClose(): void {
    if (!this.#ended) {
      this.#finish(callerLeft());
    }
  }
}

function onTimeout(call: LeanCall): void {
  call.fail(new ConnectError("the operation timed out", Code.DeadlineExceeded));
}

function onLateBody(call: LeanCall, bodyTimeoutMs: number): void {
  const message = `the request took more than ${bodyTimeoutMs} ms`;
  call.fail(new ConnectError(message, Code.DeadlineExceeded));
}
