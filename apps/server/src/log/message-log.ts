import type { Frames } from "./frames.ts";

/**
 * The contract of the durable store of rooms. Every engine implements it and
 * passes the tests of message-log.contract.ts.
 *
 * A stored payload is a chat.v1.Message in wire form without the fields that
 * only the append decides (id and sequence). Protobuf merges by concatenation,
 * so a reader completes it by appending those fields.
 *
 * Sequences are numbers: every engine counts well below 2^53.
 */
export interface MessageLog {
  /** The identity of this log: sequences of two epochs do not compare. */
  readonly epoch: string;

  /**
   * Appends the records, those of a room in order, all of them or none, and
   * resolves when they are durable. Calls made while one runs are committed
   * together. Results stand in the order of the records.
   *
   * A record whose idempotency key was used by the same user in the same room
   * within the window is not appended: its result is the first one's, marked as
   * a duplicate.
   *
   * @throws MessageLogError with code "full", "unavailable" or "overloaded".
   */
  append(records: readonly AppendRecord[]): Promise<AppendResult[]>;

  /**
   * Hands a room's messages to the follower from now on, whoever appended them: once each
   * and in order, as frames. A call to `append` resolves after the followers have had its
   * messages. What a follower throws concerns neither others nor who appended. Returns a
   * function that stops it.
   */
  follow(room: string, follower: Follower): () => void;

  /**
   * Reads the messages of a room from a place in it, in one direction; a page has them
   * oldest first either way. What "oldest" and "newest" are is decided by the read itself.
   *
   * Backwards, messages that retention removed are not missed.
   *
   * @throws MessageLogError with code "out-of-range" when it reads forwards and the log does
   * not hold everything after the sequence, or does not reach that far; "overloaded" when
   * too many reads wait; "unavailable".
   */
  read(room: string, from: PageStart, direction: PageDirection, limit: PageLimit): Promise<Page>;

  /** Reads forwards as `read` does, messages that are ready for their readers. */
  readFrames(
    room: string,
    from: Exclude<PageStart, "newest">,
    limit: PageLimit,
  ): Promise<FramesPage>;

  /** The extent of a room; zeros for a room that was never appended to. */
  extent(room: string): Promise<RoomExtent>;

  /** The rooms after a name, in code point order of their names. */
  rooms(afterName: string, limit: number): Promise<NamedRoomExtent[]>;

  /** Resolves when everything appended so far is durable and the store is closed. */
  close(): Promise<void>;
}

/** A message to append. */
export interface AppendRecord {
  readonly room: string;
  readonly user: string;
  /** Empty for none. */
  readonly idempotencyKey: string;
  /** When the server took the message, in milliseconds since the Unix epoch. */
  readonly receivedAtMs: number;
  readonly payload: Uint8Array;
}

/** What became of a record. */
export interface AppendResult {
  /** The place in the room: strictly increasing, not necessarily dense. */
  readonly sequence: number;
  /** The message's number in the whole log: unique within the epoch; its id is made of it. */
  readonly serial: number;
  /** When the server took the message; a duplicate has the first one's time. */
  readonly receivedAtMs: number;
  readonly duplicate: boolean;
}

/** A message as the log keeps it. */
export interface StoredMessage {
  readonly sequence: number;
  readonly serial: number;
  readonly payload: Uint8Array;
}

/** Messages of a room that have just become durable. */
export interface CommittedBatch {
  /** The sequence that they follow on: there is nothing in between. */
  readonly after: number;
  /** In pieces that are fit for one write each. */
  readonly frames: readonly Frames[];
}

/** Takes the batches of a room. */
export type Follower = (batch: CommittedBatch) => void;

/**
 * Where a page starts: at a sequence, whose message is not part of it; with the oldest
 * message that the log holds of the room; or with the newest. There is nothing beyond
 * those: a page that goes backwards from "oldest" is empty.
 */
export type PageStart = number | "oldest" | "newest";

export type PageDirection = "forwards" | "backwards";

/** Bounds of a page: whichever is reached first ends it, but it holds at least one message. */
export interface PageLimit {
  readonly messages: number;
  readonly bytes: number;
}

/** Some messages of a room, oldest first. */
export interface Page {
  readonly messages: readonly StoredMessage[];
  /** Whether the log holds more in the direction of the page. */
  readonly hasMore: boolean;
  /** The extent of the room as of this read. */
  readonly extent: RoomExtent;
}

/** Some messages of a room, oldest first, as frames. */
export interface FramesPage {
  /** The sequence that they follow on. */
  readonly after: number;
  /** Undefined when there are none. */
  readonly frames: Frames | undefined;
}

/** What the log holds of a room. */
export interface RoomExtent {
  /** The sequence of the newest message; 0 for none. */
  readonly head: number;
  /** The sequence after which the log holds everything. */
  readonly oldest: number;
  /** How many messages it holds. */
  readonly messageCount: number;
}

/** A room and what the log holds of it. */
export interface NamedRoomExtent extends RoomExtent {
  readonly name: string;
}

/**
 * - out-of-range: the log does not hold everything after the sequence asked for;
 *   final, `extent` tells what it holds.
 * - full: there is no space left; can be retried once there is.
 * - overloaded: too much waits to be written or read; can be retried.
 * - unavailable: the store cannot be read or written; can be retried.
 * - damaged: what the store holds of this is not what was stored; final.
 */
export type MessageLogErrorCode =
  | "out-of-range"
  | "full"
  | "overloaded"
  | "unavailable"
  | "damaged";

/** What a message log throws. Nothing of a failed append is stored. */
export class MessageLogError extends Error {
  override readonly name = "MessageLogError";
  readonly code: MessageLogErrorCode;
  /** Set with "out-of-range". */
  readonly extent: RoomExtent | undefined;

  constructor(
    code: MessageLogErrorCode,
    message: string,
    options?: { extent?: RoomExtent; cause?: unknown },
  ) {
    super(message, { cause: options?.cause });
    this.code = code;
    this.extent = options?.extent;
  }

  /** Whether the same call may succeed later. */
  get retryable(): boolean {
    return this.code !== "out-of-range" && this.code !== "damaged";
  }

  static outOfRange(room: string, sequence: number, extent: RoomExtent): MessageLogError {
    return new MessageLogError(
      "out-of-range",
      `the log of room "${room}" holds sequences ${extent.oldest + 1} to ${extent.head}: ` +
        `it cannot be read after ${sequence}`,
      { extent },
    );
  }
}
