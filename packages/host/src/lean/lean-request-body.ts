import type { DescMethod, Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { callerLeft } from "../calls/caller-left.ts";
import { envelopeHeaderBytes } from "../frames/envelope.ts";
import { createEnvelopeReader, type EnvelopeReader } from "../frames/envelope-reader.ts";
import type { LeanStream } from "./lean-stream.ts";

/** Turns the bytes of a message into what a method takes; throws a ConnectError when it can not. */
export interface MessageDecoder {
  decode(message: Uint8Array): Message;
}

/** Takes a body that is to be one message, as it arrives. */
export interface SingleMessageReader {
  /** @throws ConnectError when it is not, or is too large, or cannot be decoded. */
  push(chunk: Buffer): void;
  /**
   * The message, when all of the body has arrived.
   *
   * @throws ConnectError when there is none, or it cannot be decoded.
   */
  end(): Message;
}

/** Reads a body that has one message in an envelope. */
export class SingleEnvelopeReader implements SingleMessageReader {
  readonly #maxBytes: number;
  readonly #methodKind: DescMethod["methodKind"];
  readonly #decoder: MessageDecoder;
  #envelopes: EnvelopeReader | undefined;
  #message: Message | undefined;

  constructor(maxBytes: number, methodKind: DescMethod["methodKind"], decoder: MessageDecoder) {
    this.#maxBytes = maxBytes;
    this.#methodKind = methodKind;
    this.#decoder = decoder;
  }

  push(chunk: Buffer): void {
    if (!this.#envelopes && isWholeEnvelope(chunk, this.#maxBytes)) {
      // As nearly all are: it needs no reader.
      this.#take(chunk.subarray(envelopeHeaderBytes));
      return;
    }
    this.#envelopes ??= createEnvelopeReader(this.#maxBytes);
    for (const message of this.#envelopes.read(chunk)) {
      this.#take(message);
    }
  }

  end(): Message {
    this.#envelopes?.end();
    if (!this.#message) {
      throw this.#misused("missing");
    }
    return this.#message;
  }

  #take(bytes: Uint8Array): void {
    const message = this.#decoder.decode(bytes);
    if (this.#message) {
      throw this.#misused("received extra");
    }
    this.#message = message;
  }

  #misused(what: string): ConnectError {
    const kind = this.#methodKind.replace("_", "-");
    return new ConnectError(
      `protocol error: ${what} input message for ${kind} method`,
      Code.Unimplemented,
    );
  }
}

function isWholeEnvelope(chunk: Buffer, maxBytes: number): boolean {
  const messageBytes = chunk.length - envelopeHeaderBytes;
  return (
    messageBytes >= 0 &&
    messageBytes <= maxBytes &&
    chunk[0] === 0 &&
    chunk.readUInt32BE(1) === messageBytes
  );
}

/** Reads a body that is the one message itself. */
export class WholeBodyReader implements SingleMessageReader {
  readonly #maxBytes: number;
  readonly #decoder: MessageDecoder;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number, decoder: MessageDecoder) {
    this.#maxBytes = maxBytes;
    this.#decoder = decoder;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > this.#maxBytes) {
      throw new ConnectError(
        `message size is larger than configured readMaxBytes ${this.#maxBytes}`,
        Code.ResourceExhausted,
      );
    }
  }

  end(): Message {
    const [only] = this.#chunks;
    const isWhole = only && this.#chunks.length === 1;
    return this.#decoder.decode(isWhole ? only : Buffer.concat(this.#chunks, this.#bytes));
  }
}

/**
 * Reads an enveloped body of any number of messages: all messages of one chunk at a time.
 * The stream is not read further while they are worked on.
 *
 * @throws ConnectError when the body breaks a rule, or breaks off.
 */
export async function* readMessageBatches(
  stream: LeanStream,
  maxBytes: number,
  decoder: MessageDecoder,
  isEnded: () => boolean,
): AsyncGenerator<readonly Message[]> {
  const envelopes = createEnvelopeReader(maxBytes);
  const chunks: Buffer[] = [];
  let finished = false;
  let wake = () => {};
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    stream.pause();
    wake();
  });
  stream.once("end", () => {
    finished = true;
    wake();
  });
  stream.once("close", () => wake());
  for (;;) {
    const chunk = chunks.shift();
    if (chunk) {
      const messages = envelopes.read(chunk);
      if (messages.length > 0) {
        yield messages.map((message) => decoder.decode(message));
      }
    } else if (finished) {
      envelopes.end();
      return;
    } else if (isEnded() || stream.destroyed) {
      throw callerLeft();
    } else {
      stream.resume();
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}
