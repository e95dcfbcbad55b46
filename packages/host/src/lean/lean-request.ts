import { fromBinary, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { callerLeft } from "../calls/call-registry.ts";
import { asCallerFault } from "../calls/caller-fault.ts";
import { maxTimerMs } from "../calls/clamp-timeout.ts";
import { type BatchStream, OneMessage, readBatches } from "../frames/frame-stream.ts";
import { lateBody, noRoom } from "../guards/guard-body.ts";
import type { Hold } from "../limits/call-memory.ts";
import type { LeanMethod, MessageDecoder } from "./lean-method.ts";
import {
  readMessageBatches,
  SingleEnvelopeReader,
  type SingleMessageReader,
  WholeBodyReader,
} from "./lean-request-body.ts";
import { type LeanStream, startReading } from "./lean-stream.ts";

/** The call that a request is read for. */
export interface RequestOwner {
  readonly target: LeanMethod;
  readonly carrier: LeanStream;
  readonly isEnveloped: boolean;
  readonly hasEnded: boolean;
  /** Why it has ended, when it has. */
  readonly error: ConnectError | undefined;
  receivedCount: number;
  held(): Hold;
  /** Called once, when the request has begun that is a stream, or is there that is not. */
  serve(message: Message | AsyncIterable<Message>): void;
  fail(error: unknown): void;
}

/** So much of a message that is not complete does not count: there is some of each call. */
const uncountedBytes = 65_536;

/** Reads the request of one call. */
export class LeanRequest implements MessageDecoder {
  readonly #owner: RequestOwner;
  #single: SingleMessageReader | undefined;
  #timer: NodeJS.Timeout | undefined;
  #heldBytes = 0;
  /** Tells what reads a stream of messages that the call has ended. */
  #wake: (() => void) | undefined;

  private constructor(owner: RequestOwner) {
    this.#owner = owner;
  }

  /** Begins to read. A request of one message is to be told of what arrives. */
  static read(owner: RequestOwner): LeanRequest {
    const request = new LeanRequest(owner);
    const { method, options, routing } = owner.target;
    const { methodKind } = method;
    if (methodKind === "client_streaming" || methodKind === "bidi_streaming") {
      owner.serve(request.#messages());
      return request;
    }
    request.#single = owner.isEnveloped
      ? new SingleEnvelopeReader(options.readMaxBytes, methodKind, request)
      : new WholeBodyReader(options.readMaxBytes, request);
    const { bodyTimeoutMs } = routing;
    if (bodyTimeoutMs > 0) {
      const timerMs = Math.min(bodyTimeoutMs, maxTimerMs);
      request.#timer = setTimeout(onLateBody, timerMs, owner, bodyTimeoutMs);
    }
    startReading(owner.carrier);
    return request;
  }

  onChunk(chunk: Buffer): void {
    const single = this.#single;
    if (this.#owner.hasEnded || !single) {
      return;
    }
    try {
      single.push(chunk);
      this.#countHeld(single.heldBytes);
    } catch (error) {
      this.#owner.carrier.pause();
      this.#owner.fail(asCallerFault(error));
    }
  }

  onEnd(): void {
    this.stop();
    const owner = this.#owner;
    if (owner.hasEnded || !this.#single) {
      return;
    }
    let message: Message;
    try {
      message = this.#single.end();
      this.#countHeld(0);
    } catch (error) {
      owner.fail(asCallerFault(error));
      return;
    }
    owner.serve(owner.target.method.methodKind === "unary" ? message : new OneMessage(message));
  }

  /** Waits no longer for what is to come. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#wake?.();
  }

  /** @throws ConnectError when the bytes are no message of the method, or one that may not be. */
  decode(bytes: Uint8Array): Message {
    const { method, options, routing } = this.#owner.target;
    let message: Message;
    try {
      message = fromBinary(method.input, bytes, options.binaryOptions);
    } catch (error) {
      // As the stock path has it, and gRPC's list of codes.
      throw new ConnectError(`parse binary: ${(error as Error).message}`, Code.Internal);
    }
    const index = this.#owner.receivedCount;
    this.#owner.receivedCount += 1;
    routing.validate?.(method, message, index);
    return message;
  }

  /** All messages of one chunk at a time. */
  #messages(): BatchStream<Message> {
    const owner = this.#owner;
    const batches = () =>
      readMessageBatches(owner.carrier, {
        maxBytes: owner.target.options.readMaxBytes,
        decoder: this,
        endReason: () => (owner.hasEnded ? (owner.error ?? callerLeft()) : undefined),
        onWait: (wake) => {
          this.#wake = wake;
        },
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
    const counted = bytes > uncountedBytes ? bytes : 0;
    if (counted > this.#heldBytes && !this.#owner.held().tryAdd(counted - this.#heldBytes)) {
      throw noRoom();
    }
    if (counted < this.#heldBytes) {
      const hold = this.#owner.held();
      hold.resize(hold.bytes - this.#heldBytes + counted);
    }
    this.#heldBytes = counted;
  }
}

function onLateBody(owner: RequestOwner, bodyTimeoutMs: number): void {
  owner.fail(lateBody(bodyTimeoutMs));
}
