import { type Message, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, type StreamResponse } from "@connectrpc/connect";
import { type BegunCall, callerLeft, toCallerError } from "../calls/call-registry.ts";
import { maxTimerMs } from "../calls/clamp-timeout.ts";
import { takeUnsendable } from "../calls/header-check.ts";
import {
  type FrameSink,
  type FrameSource,
  isFrameStream,
  writeFrames,
} from "../frames/frame-stream.ts";
import { writeMessages } from "../frames/write-messages.ts";
import type { Hold } from "../limits/call-memory.ts";
import { endUpload } from "../listener/end-upload.ts";
import { type LeanCallStart, LeanCallView } from "./lean-call-view.ts";
import { createLeanRequest, LeanHandlerContext } from "./lean-context.ts";
import { RequestHeaders } from "./lean-headers.ts";
import type { LeanMethod } from "./lean-method.ts";
import { LeanRequest } from "./lean-request.ts";
import {
  awaitDrain,
  isGone,
  ownStream,
  type StreamOwner,
  sendOn,
  stopReading,
  writeOn,
} from "./lean-stream.ts";

/** A write that is smaller does not count: there is one for each stream. */
const uncountedBytes = 65_536;

/**
 * One call on a stream of its own, from its headers to the end of its response. It is what
 * observers, interceptors, frames' sources and the stream see of it, in one object: most calls
 * are short, or idle streams of which there are many.
 */
export class LeanCall extends LeanCallView implements FrameSink, StreamOwner {
  source: FrameSource | undefined;
  messageCount = 0;
  /** Until the request is made of it. */
  #requestHeader: Headers | undefined;
  /** Until all of it has been read. */
  #reader: LeanRequest | undefined;
  #begun: BegunCall | undefined;
  /** What an interceptor put in the place of the handler's response: it may add trailers. */
  #replacement: StreamResponse | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hold: Hold | undefined;
  #hasReserved = false;
  /** What is held of frames that were written. */
  #writtenBytes = 0;
  #isDrainAwaited = false;
  #isRoomAwaited = false;

  /** Serves the call of a stream, whose headers have arrived. */
  static serve(start: LeanCallStart): void {
    const { stream, headers, target, protocol } = start;
    const { timeoutMs, error } = protocol.timeout(headers, target.options.maxTimeoutMs);
    const call = new LeanCall(start, timeoutMs);
    ownStream(stream, call);
    call.#begin(new RequestHeaders(headers), error);
  }

  #begin(requestHeader: Headers, timeoutError: ConnectError | undefined): void {
    const { routing, options } = this.target;
    this.#requestHeader = requestHeader;
    this.#begun = routing.calls.begin(this, requestHeader);
    if (this.hasEnded) {
      // An observer has ended it.
      routing.calls.end(this, this.#begun, this.error);
      return;
    }
    const { refusal } = this.#begun;
    if (refusal) {
      this.fail(refusal);
      return;
    }
    if (options.shutdownSignal?.aborted) {
      this.abort(options.shutdownSignal.reason);
    }
    this.#startTimer();
    if (options.requestGate) {
      this.#passGate(options.requestGate, timeoutError);
    } else {
      this.#read(timeoutError);
    }
  }

  get sentCount(): number {
    return this.messageCount;
  }

  // What it holds in memory

  reserve(bytes: number): Promise<void> | undefined {
    if (this.#hasReserved || this.hasEnded) {
      this.#hold?.resize(bytes);
      return undefined;
    }
    this.#hasReserved = true;
    return this.#untilRoom(bytes);
  }

  #untilRoom(bytes: number): Promise<void> | undefined {
    const room = this.held().reserve(bytes);
    return room?.then(() => {
      if (this.hasEnded) {
        throw this.error ?? callerLeft();
      }
    });
  }

  /** What the call holds in memory. */
  held(): Hold {
    this.#hold ??= this.target.routing.memory.open(this.request.connection);
    return this.#hold;
  }

  #holdWritten(bytes: number): void {
    const hold = this.held();
    hold.resize(hold.bytes - this.#writtenBytes + bytes);
    this.#writtenBytes = bytes;
  }

  // FrameSink

  get isFull(): boolean {
    return (
      this.carrier.writableNeedDrain ||
      this.#isRoomAwaited ||
      (this.target.routing.memory.isTight && this.#awaitRoom())
    );
  }

  write(frames: Uint8Array, messageCount: number): boolean {
    const stream = this.carrier;
    if (this.hasEnded || (!stream.headersSent && !this.#beginResponse())) {
      return false;
    }
    const hasRoom = writeOn(stream, frames);
    if (hasRoom === undefined) {
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
    if (frames.byteLength > uncountedBytes && !this.#hasReserved) {
      this.#holdWritten(stream.writableLength);
    }
    return false;
  }

  end(): void {
    if (this.hasEnded) {
      return;
    }
    if (this.#replacement) {
      this.takeHeaders(this.#replacement);
    }
    this.error = this.takeUnsendable();
    const hasSent = sendOn(this.carrier, () => this.wire.end(this.carrier, this));
    this.#finish(hasSent ? this.error : callerLeft());
  }

  fail(reason: unknown): void {
    if (this.hasEnded) {
      return;
    }
    this.error = toCallerError(reason);
    this.takeUnsendable();
    takeUnsendable(this.error.metadata);
    sendOn(this.carrier, () => this.wire.end(this.carrier, this));
    this.#finish(this.error);
  }

  #respond(message: Uint8Array): void {
    const unsendable = this.takeUnsendable();
    if (unsendable) {
      this.fail(unsendable);
      return;
    }
    this.messageCount += 1;
    this.held().resize(message.byteLength);
    const hasSent = sendOn(this.carrier, () => this.wire.respond(this.carrier, message, this));
    this.#finish(hasSent ? undefined : callerLeft());
  }

  #beginResponse(): boolean {
    const unsendable = this.takeUnsendable();
    if (unsendable) {
      this.fail(unsendable);
      return false;
    }
    return sendOn(this.carrier, () => this.wire.begin(this.carrier, this));
  }

  /** True, and the source is told later, when others of the connection hold all there is. */
  #awaitRoom(): boolean {
    const room = this.held().reserve(0);
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

  async #passGate(
    gate: NonNullable<LeanMethod["options"]["requestGate"]>,
    timeoutError: ConnectError | undefined,
  ): Promise<void> {
    try {
      const request = createLeanRequest(this, this.#requestHeader as Headers, undefined);
      await gate(new LeanHandlerContext(request));
      if (!this.hasEnded) {
        this.#read(timeoutError);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  #read(timeoutError: ConnectError | undefined): void {
    if (timeoutError) {
      this.fail(timeoutError);
    } else {
      this.#reader = LeanRequest.read(this);
    }
  }

  // The response

  /** Serves the call whose request has begun, or is there. Does not reject. */
  async serve(message: Message | AsyncIterable<Message>): Promise<void> {
    try {
      const room = this.kind === "unary" ? this.#untilRoom(0) : undefined;
      if (room) {
        await room;
      }
      const request = createLeanRequest(this, this.#requestHeader as Headers, message);
      this.#requestHeader = undefined;
      const { calls } = this.target.routing;
      await calls.run(this.#begun as BegunCall, () => this.#invoke(request));
    } catch (error) {
      this.fail(error);
    }
  }

  async #invoke(request: Parameters<LeanMethod["invoke"]>[0]): Promise<void> {
    const response = await this.target.invoke(request);
    if (this.hasEnded) {
      return;
    }
    this.takeHeaders(response);
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
    if (this.hasEnded) {
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

  // The end

  #finish(error: ConnectError | undefined): void {
    if (this.hasEnded) {
      return;
    }
    this.hasEnded = true;
    this.error = error;
    clearTimeout(this.#timer);
    this.#reader?.stop();
    this.abortEnded();
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
    this.#hold?.stopWaiting();
    if (isGone(this.carrier)) {
      this.#hold?.release();
    } else if (!this.carrier.readableEnded) {
      this.carrier.once("finish", endUpload);
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
    const { trailers } = this.wire;
    if (trailers) {
      sendOn(this.carrier, () => this.carrier.sendTrailers(trailers(this)));
    }
  }

  onChunk(chunk: Buffer): void {
    this.#reader?.onChunk(chunk);
  }

  onRequestEnd(): void {
    const reader = this.#reader;
    // A response may live long: what read its request, and what arrived of it, need not.
    this.#reader = undefined;
    if (this.kind !== "unary") {
      stopReading(this.carrier);
    }
    reader?.onEnd();
  }

  onStreamDrain(): void {
    this.#isDrainAwaited = false;
    if (this.#writtenBytes > 0) {
      this.#holdWritten(0);
    }
    this.#tellSource();
  }

  onStreamClose(): void {
    if (!this.hasEnded) {
      this.#finish(callerLeft());
    }
    this.#hold?.release();
  }
}

function onTimeout(call: LeanCall): void {
  call.onTimeout();
}
