import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { envelopeHeaderBytes } from "./envelope.ts";
import { type FrameSink, type FrameSource, type FrameStream, writeFrames } from "./frame-stream.ts";

/**
 * Creates a response's messages from what writes them as frames, so that they are written in
 * one way whichever path serves the call.
 *
 * Where they are iterated, frames are written to memory and decoded as they are read. That
 * sink is full as long as it holds anything: a reader that is slow holds one write at most, of
 * a source that waits for `onDrain`. The source is closed when the iteration is given up, and
 * when the call's signal aborts, which the iteration then rejects with.
 *
 * @param write - begins to write; each write has to consist of whole frames
 * @param call - the handler's context; its signal is looked at only when the messages are iterated
 */
export function createFrameStream<Schema extends DescMessage>(
  schema: Schema,
  write: (sink: FrameSink) => void,
  call: { readonly signal: AbortSignal },
): FrameStream<MessageShape<Schema>> {
  return {
    [writeFrames]: write,
    [Symbol.asyncIterator]: () => new FrameIterator(schema, write, call.signal),
  };
}

class FrameIterator<Schema extends DescMessage> implements AsyncIterator<MessageShape<Schema>> {
  readonly #schema: Schema;
  readonly #write: (sink: FrameSink) => void;
  readonly #signal: AbortSignal;
  readonly #waiting: PromiseWithResolvers<IteratorResult<MessageShape<Schema>>>[] = [];
  #sink: MemorySink | undefined;
  #isDone = false;

  constructor(schema: Schema, write: (sink: FrameSink) => void, signal: AbortSignal) {
    this.#schema = schema;
    this.#write = write;
    this.#signal = signal;
  }

  next(): Promise<IteratorResult<MessageShape<Schema>>> {
    const waiter = Promise.withResolvers<IteratorResult<MessageShape<Schema>>>();
    this.#waiting.push(waiter);
    if (!this.#sink && !this.#isDone) {
      this.#begin();
    }
    this.#serveWaiting();
    if (this.#waiting.length > 0) {
      this.#sink?.drain();
    }
    return waiter.promise;
  }

  async return(): Promise<IteratorResult<MessageShape<Schema>>> {
    this.#giveUp();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<IteratorResult<MessageShape<Schema>>> {
    this.#giveUp();
    throw error;
  }

  #begin(): void {
    const sink = new MemorySink(() => this.#serveWaiting());
    this.#sink = sink;
    if (this.#signal.aborted) {
      this.#onAbort();
      return;
    }
    this.#signal.addEventListener("abort", this.#onAbort);
    try {
      this.#write(sink);
    } catch (error) {
      sink.fail(error);
    }
  }

  readonly #onAbort = (): void => {
    this.#sink?.discard();
    this.#sink?.fail(ConnectError.from(this.#signal.reason));
  };

  #giveUp(): void {
    this.#sink?.discard();
    this.#sink?.end();
    this.#finish();
    this.#serveWaiting();
  }

  #finish(): void {
    this.#isDone = true;
    this.#sink = undefined;
    this.#signal.removeEventListener("abort", this.#onAbort);
  }

  /** Hands out what there is: messages first, then how it ended. */
  #serveWaiting(): void {
    for (let [waiter] = this.#waiting; waiter; [waiter] = this.#waiting) {
      const sink = this.#sink;
      try {
        const bytes = sink?.take();
        if (bytes) {
          waiter.resolve({ done: false, value: fromBinary(this.#schema, bytes) });
        } else if (this.#isDone) {
          waiter.resolve({ done: true, value: undefined });
        } else if (!sink?.ending) {
          return;
        } else {
          this.#finish();
          if ("error" in sink.ending) {
            throw sink.ending.error;
          }
          waiter.resolve({ done: true, value: undefined });
        }
      } catch (error) {
        waiter.reject(error);
      }
      this.#waiting.shift();
    }
  }
}

/** Holds what is written until it is taken, a message at a time. */
class MemorySink implements FrameSink {
  source: FrameSource | undefined;
  messageCount = 0;
  /** How it ended, when it has. */
  ending: { readonly error?: unknown } | undefined;
  readonly #onChange: () => void;
  #writes: Uint8Array[] = [];
  /** Where in the first of them the next frame begins. */
  #offset = 0;
  #wasFull = false;

  /** @param onChange - called when there is more to take, or it has ended */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get isFull(): boolean {
    return this.#writes.length > 0;
  }

  write(frames: Uint8Array, messageCount: number): boolean {
    if (this.ending || frames.byteLength === 0) {
      return false;
    }
    this.messageCount += messageCount;
    this.#writes.push(frames);
    this.#wasFull = true;
    this.#onChange();
    return false;
  }

  end(): void {
    this.#finish({});
  }

  fail(error: unknown): void {
    this.#finish({ error });
  }

  /** The next message, if there is one. */
  take(): Uint8Array | undefined {
    const [frames] = this.#writes;
    if (!frames) {
      return undefined;
    }
    const start = this.#offset + envelopeHeaderBytes;
    const { buffer, byteOffset, byteLength } = frames;
    const end = start + new DataView(buffer, byteOffset, byteLength).getUint32(this.#offset + 1);
    if (end < byteLength) {
      this.#offset = end;
    } else {
      this.#offset = 0;
      this.#writes.shift();
    }
    return frames.subarray(start, end);
  }

  /** Forgets what was not taken. */
  discard(): void {
    this.#writes = [];
    this.#offset = 0;
  }

  /** Tells the source to go on if it was told to wait. */
  drain(): void {
    if (this.#wasFull && !this.isFull) {
      this.#wasFull = false;
      this.source?.onDrain();
    }
  }

  #finish(ending: { readonly error?: unknown }): void {
    if (!this.ending) {
      this.ending = ending;
      const { source } = this;
      this.source = undefined;
      source?.onClose();
      this.#onChange();
    }
  }
}
