import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { fromBinary } from "@bufbuild/protobuf";
import { envelopeHeaderBytes } from "@parley/host/envelope";
import {
  type FrameSink,
  type FrameSource,
  type FrameStream,
  writeFrames,
} from "@parley/host/frame-stream";

/** The responses of a streaming call, read step by step by a test without a server. */
export interface Responses<T> {
  /** The next message; undefined at the end; rejects with what the call ended with. */
  next(): Promise<T | undefined>;
  /** Gives the call up, as a caller does who leaves. */
  leave(): void;
}

type Call = (call: { readonly signal: AbortSignal }) => unknown;

/** Reads responses in the ways that the paths of a server do. */
export const waysToRead = {
  "as messages": readMessages,
  "as frames": readFrames,
} as const;

/** As the stock path does: a message at a time. */
export function readMessages<Schema extends DescMessage>(
  _schema: Schema,
  call: Call,
): Responses<MessageShape<Schema>> {
  const controller = new AbortController();
  const stream = call(controller) as AsyncIterable<MessageShape<Schema>>;
  const iterator = stream[Symbol.asyncIterator]();
  return {
    async next() {
      const { done, value } = await iterator.next();
      return done ? undefined : value;
    },
    leave: () => controller.abort(),
  };
}

/** As the lean path does: frames, into a sink that is never full. */
export function readFrames<Schema extends DescMessage>(
  schema: Schema,
  call: Call,
): Responses<MessageShape<Schema>> & { readonly sink: RecordingSink } {
  const sink = new RecordingSink();
  const stream = call({ signal: new AbortController().signal });
  (stream as FrameStream<MessageShape<Schema>>)[writeFrames](sink);
  return {
    sink,
    async next() {
      const bytes = await sink.take();
      return bytes && fromBinary(schema, bytes);
    },
    leave: () => sink.close(),
  };
}

/** The messages in frames that stand one behind the other. */
export function messagesOf(frames: Uint8Array): Uint8Array[] {
  const bytes = Buffer.from(frames);
  const messages: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const start = offset + envelopeHeaderBytes;
    offset = start + bytes.readUInt32BE(offset + 1);
    messages.push(bytes.subarray(start, offset));
  }
  return messages;
}

/** Keeps the messages of all frames; a test says when it is full. */
export class RecordingSink implements FrameSink {
  source: FrameSource | undefined;
  isFull = false;
  messageCount = 0;
  /** How many messages each write had. */
  readonly writes: number[] = [];
  readonly #messages: Uint8Array[] = [];
  #ending: { readonly error?: unknown } | undefined;
  #wake = () => {};

  write(frames: Uint8Array, messageCount: number): boolean {
    if (this.#ending) {
      return false;
    }
    this.messageCount += messageCount;
    this.writes.push(messageCount);
    this.#messages.push(...messagesOf(frames));
    this.#wake();
    return !this.isFull;
  }

  /** Lets what was held back go on. */
  drain(): void {
    this.isFull = false;
    this.source?.onDrain();
  }

  end(): void {
    this.#finish({});
  }

  fail(error: unknown): void {
    this.#finish({ error });
  }

  /** What the call does when its caller leaves. */
  close(): void {
    this.#finish({});
  }

  async take(): Promise<Uint8Array | undefined> {
    for (;;) {
      const message = this.#messages.shift();
      if (message) {
        return message;
      }
      if (this.#ending) {
        if ("error" in this.#ending) {
          throw this.#ending.error;
        }
        return undefined;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #finish(ending: { readonly error?: unknown }): void {
    if (!this.#ending) {
      this.#ending = ending;
      const { source } = this;
      this.source = undefined;
      source?.onClose();
      this.#wake();
    }
  }
}
