import type { IncomingHttpHeaders } from "node:http2";
import { fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ContextValues,
  type StreamResponse,
  type UnaryResponse,
} from "@connectrpc/connect";
import { callKey } from "../calls/call.ts";
import { type BegunCall, callerLeft, runObserved, toCallerError } from "../calls/call-registry.ts";
import type { CallRequest } from "../calls/call-request.ts";
import { asCallerFault } from "../calls/caller-fault.ts";
import { maxTimerMs } from "../calls/clamp-timeout.ts";
import { takeUnsendable } from "../calls/header-check.ts";
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
import { lateBody, noRoom } from "../guards/guard-body.ts";
import type { Hold } from "../limits/call-memory.ts";
import { endUpload } from "../listener/end-upload.ts";
import {
  createLeanRequest,
  type LeanCallState,
  LeanContextValues,
  LeanHandlerContext,
  leanCallKey,
} from "./lean-context.ts";
import { changedOnly, RequestHeaders, ResponseHeaders } from "./lean-headers.ts";
import type { LeanMethod } from "./lean-method.ts";
import {
  readMessageBatches,
  SingleEnvelopeReader,
  type SingleMessageReader,
  WholeBodyReader,
} from "./lean-request-body.ts";
import {
  awaitDrain,
  isGone,
  type LeanStream,
  ownStream,
  type StreamOwner,
  sendOn,
  startReading,
  stopReading,
} from "./lean-stream.ts";
import type { LeanProtocol, ResponseParts } from "./protocols/lean-protocol.ts";

/** A write that is smaller does not count: there is one for each stream. */
const uncountedBytes = 65_536;

/**
 * One call on a stream of its own, from its headers to the end of its response. Over 400 lines
 * with what it implements: there is one object for each call, since most calls are short, or
 * idle streams of which there are many.
 */
export class LeanCall implements LeanCallState, FrameSink, ResponseParts, StreamOwner {
  readonly path = "lean";
  readonly startedAtMs: number = performance.now();
  source: FrameSource | undefined;
  messageCount = 0;
  receivedCount = 0;
  ownResponse: UnaryResponse | StreamResponse | undefined;
  readonly contextValues: ContextValues;
  readonly target: LeanMethod;
  readonly request: CallRequest;
  readonly #carrier: LeanStream;
  readonly #protocol: LeanProtocol;
  readonly #timeoutMs: number | undefined;
  readonly #scheme: string | undefined;
  readonly #authority: string | undefined;
  /** Until the request is made of it. */
  #requestHeader: Headers | undefined;
  #begun: BegunCall | undefined;
  #single: SingleMessageReader | undefined;
  #controller: AbortController | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;
  /** What an interceptor put in the place of the handler's response: it may add trailers. */
  #replacement: StreamResponse | undefined;
  #bodyTimer: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hold: Hold | undefined;
  #hasReserved = false;
  #error: ConnectError | undefined;
  #ended = false;
  #isDrainAwaited = false;
  #isRoomAwaited = false;

  private constructor(
    stream: LeanStream,
    headers: IncomingHttpHeaders,
    target: LeanMethod,
    protocol: LeanProtocol,
    request: CallRequest,
    timeoutMs: number | undefined,
  ) {
    this.#carrier = stream;
    this.target = target;
    this.#protocol = protocol;
    this.request = request;
    this.#timeoutMs = timeoutMs;
    this.#scheme = headers[":scheme"];
    this.#authority = headers[":authority"];
    this.#requestHeader = new RequestHeaders(headers);
    this.contextValues = new LeanContextValues().set(leanCallKey, this).set(callKey, this);
  }

  /** Serves the call of a stream, whose headers have arrived. */
  static serve(
    stream: LeanStream,
    headers: IncomingHttpHeaders,
    target: LeanMethod,
    protocol: LeanProtocol,
    request: CallRequest,
  ): void {
    const { timeoutMs, error } = protocol.timeout(headers, target.options.maxTimeoutMs);
    const call = new LeanCall(stream, headers, target, protocol, request, timeoutMs);
    ownStream(stream, call);
    call.#begin(error);
  }

  #begin(timeoutError: ConnectError | undefined): void {
    const { routing, options } = this.target;
    this.#begun = routing.calls.begin(this, this.#requestHeader as Headers);
    const refusal = this.#begun.refusal ?? timeoutError;
    if (refusal) {
      this.fail(refusal);
      return;
    }
    if (options.shutdownSignal?.aborted) {
      this.abort(options.shutdownSignal.reason);
    }
    this.#startTimer();
    if (options.requestGate) {
      this.#passGate(options.requestGate);
    } else {
      this.#read();
    }
  }

  // What observers, interceptors and the handler see of the call.

  get service(): string {
    return this.target.method.parent.typeName;
  }

  get method(): string {
    return this.target.method.name;
  }

  get kind(): LeanMethod["method"]["methodKind"] {
    return this.target.method.methodKind;
  }

  get protocol(): LeanProtocol["name"] {
    return this.#protocol.name;
  }

  get url(): string {
    return `${this.#scheme ?? "http"}://${this.#authority ?? "localhost"}${this.target.path}`;
  }

  get sentCount(): number {
    return this.messageCount;
  }

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
      : this.#timeoutMs - (performance.now() - this.startedAtMs);
  }

  /** Aborts the handler's signal, and leaves it to that to end the call. */
  abort(reason: unknown): void {
    if (!this.#ended) {
      this.#controller ??= new AbortController();
      this.#controller.abort(reason);
    }
  }

  reserve(bytes: number): Promise<void> | undefined {
    if (this.#hasReserved || this.#ended) {
      this.#hold?.resize(bytes);
      return undefined;
    }
    this.#hasReserved = true;
    return this.#untilRoom(bytes);
  }

  #untilRoom(bytes: number): Promise<void> | undefined {
    const room = this.#held().reserve(bytes);
    return room?.then(() => {
      if (this.#ended) {
        throw this.#error ?? callerLeft();
      }
    });
  }

  #held(): Hold {
    this.#hold ??= this.target.routing.memory.open(this.request.connection);
    return this.#hold;
  }

  // FrameSink

  get isFull(): boolean {
    return (
      this.#carrier.writableNeedDrain ||
      this.#isRoomAwaited ||
      (this.target.routing.memory.isTight && this.#awaitRoom())
    );
  }

  write(frames: Uint8Array, messageCount: number): boolean {
    const stream = this.#carrier;
    if (this.#ended || (!stream.headersSent && !this.#beginResponse())) {
      return false;
    }
    let hasRoom = false;
    const hasSent = sendOn(stream, () => {
      hasRoom = stream.write(frames);
    });
    if (!hasSent) {
      return false;
    }
    this.messageCount += messageCount;
    if (hasRoom) {
      return true;
    }
    if (!this.#isDrainAwaited) {
      this.#isDrainAwaited = true;
      awaitDrain(stream);
    }
    if (frames.byteLength > uncountedBytes) {
      this.#held().resize(stream.writableLength);
    }
    return false;
  }

  end(): void {
    if (this.#ended) {
      return;
    }
    if (this.#replacement) {
      this.#takeHeaders(this.#replacement);
    }
    this.#error = this.#takeUnsendable();
    const hasSent = sendOn(this.#carrier, () => this.#protocol.end(this.#carrier, this));
    this.#finish(hasSent ? this.#error : callerLeft());
  }

  fail(reason: unknown): void {
    if (this.#ended) {
      return;
    }
    this.#error = toCallerError(reason);
    this.#takeUnsendable();
    takeUnsendable(this.#error.metadata);
    sendOn(this.#carrier, () => this.#protocol.end(this.#carrier, this));
    this.#finish(this.#error);
  }

  #respond(message: Uint8Array): void {
    const unsendable = this.#takeUnsendable();
    if (unsendable) {
      this.fail(unsendable);
      return;
    }
    this.messageCount += 1;
    this.#held().resize(message.byteLength);
    const hasSent = sendOn(this.#carrier, () =>
      this.#protocol.respond(this.#carrier, message, this),
    );
    this.#finish(hasSent ? undefined : callerLeft());
  }

  #beginResponse(): boolean {
    const unsendable = this.#takeUnsendable();
    if (unsendable) {
      this.fail(unsendable);
      return false;
    }
    return sendOn(this.#carrier, () => this.#protocol.begin(this.#carrier, this));
  }

  /** True, and the source is told later, when others of the connection hold all there is. */
  #awaitRoom(): boolean {
    const room = this.#held().reserve(0);
    room?.then(() => {
      this.#isRoomAwaited = false;
      this.#tellSource();
    });
    this.#isRoomAwaited = room !== undefined;
    return this.#isRoomAwaited;
  }

  #tellSource(): void {
    try {
      this.source?.onDrain();
    } catch (error) {
      this.fail(error);
    }
  }

  // The request

  async #passGate(gate: NonNullable<LeanMethod["options"]["requestGate"]>): Promise<void> {
    try {
      const request = createLeanRequest(this, this.#requestHeader as Headers, undefined);
      await gate(new LeanHandlerContext(request));
      if (!this.#ended) {
        this.#read();
      }
    } catch (error) {
      this.fail(error);
    }
  }

  #read(): void {
    const { options, routing } = this.target;
    if (this.kind === "client_streaming" || this.kind === "bidi_streaming") {
      this.#serve(this.#messages());
      return;
    }
    this.#single = this.#protocol.enveloped
      ? new SingleEnvelopeReader(options.readMaxBytes, this.kind, this)
      : new WholeBodyReader(options.readMaxBytes, this);
    const { bodyTimeoutMs } = routing;
    if (bodyTimeoutMs > 0) {
      this.#bodyTimer = setTimeout(onLateBody, bodyTimeoutMs, this, bodyTimeoutMs);
    }
    startReading(this.#carrier);
  }

  /** All messages of one chunk at a time. */
  #messages(): BatchStream<Message> {
    const batches = () =>
      readMessageBatches(this.#carrier, {
        maxBytes: this.target.options.readMaxBytes,
        decoder: this,
        isEnded: () => this.#ended,
        onHeld: (bytes) => this.#countHeld(bytes),
      });
    return {
      async *[Symbol.asyncIterator]() {
        for await (const batch of batches()) {
          yield* batch;
        }
      },
      [readBatches]: batches,
    };
  }

  /** @throws ConnectError when there is no room for what has arrived of a message. */
  #countHeld(bytes: number): void {
    if (bytes > uncountedBytes) {
      const hold = this.#held();
      if (!hold.tryAdd(bytes - hold.bytes)) {
        throw noRoom();
      }
    } else if (this.#hold && this.#hold.bytes > 0) {
      this.#hold.resize(0);
    }
  }

  onChunk(chunk: Buffer): void {
    const single = this.#single;
    try {
      single?.push(chunk);
      this.#countHeld(single?.heldBytes ?? 0);
    } catch (error) {
      this.#carrier.pause();
      this.fail(asCallerFault(error));
    }
  }

  onRequestEnd(): void {
    clearTimeout(this.#bodyTimer);
    const single = this.#single;
    if (this.kind !== "unary") {
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
      this.#serve(this.kind === "unary" ? message : new OneMessage(message));
    } catch (error) {
      this.fail(asCallerFault(error));
    }
  }

  /** @throws ConnectError when the bytes are no message of the method, or one that may not be. */
  decode(bytes: Uint8Array): Message {
    const { method, options, routing } = this.target;
    let message: Message;
    try {
      message = fromBinary(method.input, bytes, options.binaryOptions);
    } catch (error) {
      // As the stock path has it, and gRPC's list of codes.
      throw new ConnectError(`parse binary: ${(error as Error).message}`, Code.Internal);
    }
    routing.validate?.(method, message, this.receivedCount);
    this.receivedCount += 1;
    return message;
  }

  // The response

  /** Serves the call whose request has begun, or is there. Does not reject. */
  async #serve(message: Message | AsyncIterable<Message>): Promise<void> {
    try {
      const room = this.kind === "unary" ? this.#untilRoom(0) : undefined;
      if (room) {
        await room;
      }
      const request = createLeanRequest(this, this.#requestHeader as Headers, message);
      this.#requestHeader = undefined;
      const { observations = [] } = this.#begun ?? {};
      await runObserved(observations, () => this.#invoke(request));
    } catch (error) {
      this.fail(error);
    }
  }

  async #invoke(request: Parameters<LeanMethod["invoke"]>[0]): Promise<void> {
    const response = await this.target.invoke(request);
    if (this.#ended) {
      return;
    }
    this.#takeHeaders(response);
    if (response.stream !== (this.kind !== "unary")) {
      throw new Error(
        response.stream
          ? "a unary method has one response"
          : "a streaming method has a stream of responses",
      );
    }
    if (response.stream) {
      this.#stream(response);
    } else {
      this.#respond(this.#encode(response.message));
    }
  }

  /** Holds no more of request and response than it needs: this may take days. */
  #stream(response: StreamResponse): void {
    // What it was to write to may have ended: then nothing is to begin.
    if (this.#ended) {
      return;
    }
    const { message } = response;
    this.#replacement = response === this.ownResponse ? undefined : response;
    this.ownResponse = undefined;
    if (isFrameStream(message)) {
      message[writeFrames](this);
    } else {
      writeMessages(this, message, (one) => this.#encode(one));
    }
  }

  #encode(message: Message): Uint8Array {
    const { method, options } = this.target;
    const bytes = toBinary(method.output, message, options.binaryOptions);
    const { writeMaxBytes } = options;
    if (bytes.byteLength > writeMaxBytes) {
      throw new ConnectError(
        `message size ${bytes.byteLength} is larger than configured writeMaxBytes ${writeMaxBytes}`,
        Code.ResourceExhausted,
      );
    }
    return bytes;
  }

  /** Interceptors may have put other headers in the place of the handler's. */
  #takeHeaders(response: UnaryResponse | StreamResponse): void {
    if (response !== this.ownResponse) {
      this.#responseHeader = response.header;
      this.#responseTrailer = response.trailer;
    }
  }

  #takeUnsendable(): ConnectError | undefined {
    const { header, trailer } = this;
    return (header && takeUnsendable(header)) ?? (trailer && takeUnsendable(trailer));
  }

  // ResponseParts

  get header(): Headers | undefined {
    return changedOnly(this.#responseHeader);
  }

  get trailer(): Headers | undefined {
    return changedOnly(this.#responseTrailer);
  }

  get error(): ConnectError | undefined {
    return this.#error;
  }

  // The end

  #finish(error: ConnectError | undefined): void {
    if (this.#ended) {
      return;
    }
    this.#ended = true;
    this.#error = error;
    clearTimeout(this.#timer);
    clearTimeout(this.#bodyTimer);
    this.#controller?.abort(error);
    const { source } = this;
    this.source = undefined;
    try {
      source?.onClose();
    } catch (reason) {
      this.target.routing.onError(reason);
    }
    if (this.#begun) {
      this.target.routing.calls.end(this, this.#begun, error);
    }
    if (isGone(this.#carrier)) {
      this.#hold?.release();
    } else if (!this.#carrier.readableEnded) {
      this.#carrier.once("finish", endUpload);
    }
  }

  #startTimer(): void {
    const leftMs = this.timeoutMs();
    if (leftMs !== undefined) {
      this.#timer = setTimeout(onTimeout, Math.min(leftMs, maxTimerMs), this);
    }
  }

  onTimeout(): void {
    if ((this.timeoutMs() ?? 0) > 1) {
      this.#startTimer();
    } else {
      this.fail(new ConnectError("the operation timed out", Code.DeadlineExceeded));
    }
  }

  onWantTrailers(): void {
    const { trailers } = this.#protocol;
    if (trailers) {
      sendOn(this.#carrier, () => this.#carrier.sendTrailers(trailers(this)));
    }
  }

  onStreamDrain(): void {
    this.#isDrainAwaited = false;
    if (this.kind !== "unary" && !this.#hasReserved) {
      this.#hold?.resize(0);
    }
    this.#tellSource();
  }

  onStreamClose(): void {
    this.#finish(callerLeft());
    this.#hold?.release();
  }
}

function onTimeout(call: LeanCall): void {
  call.onTimeout();
}

function onLateBody(call: LeanCall, bodyTimeoutMs: number): void {
  call.fail(lateBody(bodyTimeoutMs));
}
