import type { DescMethod, Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { callerLeft } from "../calls/call-registry.ts";
import { asCallerFault } from "../calls/caller-fault.ts";
import { envelopeHeaderBytes } from "../frames/envelope.ts";
import { createEnvelopeReader, type EnvelopeReader } from "../frames/envelope-reader.ts";
import type { MessageDecoder } from "./lean-method.ts";
import { isGone, type LeanStream } from "./lean-stream.ts";

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
  /** How much is held of what has arrived, in bytes. */
  readonly heldBytes: number;
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
    this.#envelopes.check();
  }

  get heldBytes(): number {
    return this.#envelopes?.heldBytes ?? 0;
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
  heldBytes = 0;

  constructor(maxBytes: number, decoder: MessageDecoder) {
    this.#maxBytes = maxBytes;
    this.#decoder = decoder;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.heldBytes += chunk.length;
    if (this.heldBytes > this.#maxBytes) {
      throw new ConnectError(
        `message size is larger than configured readMaxBytes ${this.#maxBytes}`,
        Code.ResourceExhausted,
      );
    }
  }

  end(): Message {
    const [only] = this.#chunks;
    const isWhole = only && this.#chunks.length === 1;
    return this.#decoder.decode(isWhole ? only : Buffer.concat(this.#chunks, this.heldBytes));
  }
}

/** What the reading of batches is about. */
export interface BatchOptions {
  /** The largest message. */
  readonly maxBytes: number;
  readonly decoder: MessageDecoder;
  /** Why the call has ended, when it has. */
  readonly endReason: () => ConnectError | undefined;
  /** Given what wakes the reader when the call has ended while it waits. */
  readonly onWait: (wake: () => void) => void;
  /** Told how much is held of a message that is not complete, in bytes; may throw. */
  readonly onHeld: (bytes: number) => void;
}

/**
 * Reads an enveloped body of any number of messages: all messages of one chunk at a time.
 * The stream is not read further while they are worked on. Messages that come before one
 * that breaks a rule are handed out first.
 *
 * @throws ConnectError when the body breaks a rule, or breaks off.
 */
export async function* readMessageBatches(
  stream: LeanStream,
  { maxBytes, decoder, endReason, onWait, onHeld }: BatchOptions,
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
      const { messages, error } = decodeUntilError(() => envelopes.read(chunk), decoder);
      onHeld(envelopes.heldBytes);
      if (messages.length > 0) {
        yield messages;
      }
      if (error !== undefined) {
        throw asCallerFault(error);
      }
      envelopes.check();
    } else if (finished) {
      const { error } = decodeUntilError(() => {
        envelopes.end();
        return [];
      }, decoder);
      if (error !== undefined) {
        throw asCallerFault(error);
      }
      return;
    } else if (endReason() || isGone(stream)) {
      throw endReason() ?? callerLeft();
    } else {
      stream.resume();
      await new Promise<void>((resolve) => {
        wake = resolve;
        onWait(resolve);
      });
    }
  }
}

function decodeUntilError(read: () => readonly Uint8Array[], decoder: MessageDecoder) {
  const messages: Message[] = [];
  try {
    for (const message of read()) {
      messages.push(decoder.decode(message));
    }
  } catch (error) {
    return { messages, error };
  }
  return { messages, error: undefined };
}
