/**
 * Where a reader stands in a room. The generated `Position` of `@parley/proto`
 * can be passed wherever this is asked for, and this in every request.
 */
export interface Position {
  /** The identity of the log; sequences of two epochs do not compare. */
  readonly epoch: string;
  /** The sequence of the last message before this position; 0 for none. */
  readonly sequence: bigint;
}

/** Stands before the oldest message that a room's log keeps. */
export const oldestKept: Position = Object.freeze({ epoch: "", sequence: 0n });
