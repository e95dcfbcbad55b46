import type { StreamRequest } from "@connectrpc/connect";

/**
 * What a stream of messages may offer beside iteration, so that the lean path need
 * not take messages one at a time. Whoever wraps such a stream and does not offer the
 * same hides it: then messages are taken one at a time, which is slower and no less
 * right.
 */

/** On a response's messages: writes them as frames. */
export const writeFrames: unique symbol = Symbol.for("@parley/host/writeFrames");

/** On a request's messages: iterates them in the batches that they arrive in. */
export const readBatches: unique symbol = Symbol.for("@parley/host/readBatches");

/**
 * Takes frames: enveloped messages, uncompressed protobuf, as gRPC, gRPC-Web and Connect share
 * them. None of its functions throws, whatever has become of the call.
 */
export interface FrameSink {
  /**
   * Writes the frames of so many messages; the bytes must not change afterwards.
   * False when its source should wait for `onDrain`: what is written all the same is
   * kept in memory.
   */
  write(frames: Uint8Array, messageCount: number): boolean;
  /** Whether a write would be kept in memory. */
  readonly isFull: boolean;
  /** Who writes, to be told of what happens to the sink. */
  source: FrameSource | undefined;
  /** Messages written so far. */
  readonly messageCount: number;
  /** Ends the response: nothing is written after that. */
  end(): void;
  /** Ends the response with an error; what is no ConnectError is INTERNAL to the caller. */
  fail(error: unknown): void;
}

/**
 * Who writes to a sink. An object, not callbacks: there is one for each open stream. None of its
 * functions may throw.
 */
export interface FrameSource {
  /** Called when the sink can take more after it was full. */
  onDrain(): void;
  /** Called once when the call has ended, for whatever reason: nobody takes frames any more. */
  onClose(): void;
}

/** A response's messages that can be written as frames. */
export interface FrameStream<T> extends AsyncIterable<T> {
  /** Begins to write all messages, then ends the sink, or fails it. Does not throw. */
  [writeFrames](sink: FrameSink): void;
}

/** A request's messages that can be read in batches. */
export interface BatchStream<T> extends AsyncIterable<T> {
  [readBatches](): AsyncIterable<readonly T[]>;
}

export function isFrameStream<T>(messages: AsyncIterable<T>): messages is FrameStream<T> {
  return writeFrames in messages;
}

export function isBatchStream<T>(messages: AsyncIterable<T>): messages is BatchStream<T> {
  return readBatches in messages;
}

/** A stream of one message that is there: who knows it need not iterate. */
export class OneMessage<T> implements AsyncIterable<T> {
  readonly message: T;

  constructor(message: T) {
    this.message = message;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    yield this.message;
  }
}

/** The batches of a request's messages; batches of one where it has none. */
export function batchesOf<T>(messages: AsyncIterable<T>): AsyncIterable<readonly T[]> {
  return isBatchStream(messages) ? messages[readBatches]() : batchesOfOne(messages);
}

async function* batchesOfOne<T>(messages: AsyncIterable<T>): AsyncGenerator<readonly T[]> {
  for await (const message of messages) {
    yield [message];
  }
}

/**
 * The same messages, each batch passed through a function that returns it, changed or
 * not, or throws; in batches where the messages come in batches.
 */
export function mapBatches<T>(
  messages: AsyncIterable<T>,
  map: (batch: readonly T[]) => readonly T[],
): AsyncIterable<T> {
  if (messages instanceof OneMessage) {
    return new OneMessage(map([messages.message])[0] as T);
  }
  async function* batches(inner: AsyncIterable<readonly T[]>): AsyncGenerator<readonly T[]> {
    for await (const batch of inner) {
      yield map(batch);
    }
  }
  async function* single(): AsyncGenerator<T> {
    for await (const batch of batches(batchesOfOne(messages))) {
      yield* batch;
    }
  }
  const mapped = { [Symbol.asyncIterator]: single };
  return isBatchStream(messages)
    ? Object.assign(mapped, { [readBatches]: () => batches(messages[readBatches]()) })
    : mapped;
}

/**
 * A wrapper of a response's messages, made able to write frames if they are. The
 * function is given what begins to write the frames of the original, to do around that what
 * the wrapper does around its iteration.
 */
export function withFrames<T>(
  original: AsyncIterable<T>,
  wrapper: AsyncIterable<T>,
  around: (write: () => void) => void,
): AsyncIterable<T> {
  return isFrameStream(original)
    ? Object.assign(wrapper, {
        [writeFrames]: (sink: FrameSink) => around(() => original[writeFrames](sink)),
      })
    : wrapper;
}

/** A request with other messages. Its signal and headers are not looked at, but passed on. */
export function withMessages(
  original: StreamRequest,
  message: StreamRequest["message"],
): StreamRequest {
  return {
    stream: true,
    service: original.service,
    method: original.method,
    requestMethod: original.requestMethod,
    url: original.url,
    get signal() {
      return original.signal;
    },
    get header() {
      return original.header;
    },
    contextValues: original.contextValues,
    message,
  };
}
