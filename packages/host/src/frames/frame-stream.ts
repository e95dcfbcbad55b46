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
