import type { Position } from "@parley/client";

/** What is known of a room's newest message, and of how many there are. */
export interface RoomExtent {
  readonly head: Position;
  readonly messageCount: bigint;
}

/**
 * How many messages of a room come after the one read last. None of a room that was
 * never opened: whoever comes to a new place has not missed its past. All of a room
 * whose log was started anew since.
 */
export function countUnread(extent: RoomExtent, read: Position | undefined): number {
  if (!read) {
    return 0;
  }
  if (read.epoch !== extent.head.epoch) {
    return Number(extent.messageCount);
  }
  // Sequences need not be dense, and retention may have taken some away.
  const ahead = extent.head.sequence - read.sequence;
  return Math.max(0, Math.min(Number(ahead), Number(extent.messageCount)));
}

/** `7`, or `99+` where a number would say no more. */
export function formatUnread(count: number): string {
  return count > 99 ? "99+" : String(count);
}
