import { useEffect, useState, useSyncExternalStore } from "react";
import { readPositions } from "../state/read-positions.ts";
import type { RoomStore } from "../state/room-store.ts";
import { useStore } from "../state/store.ts";

/** How far the room was read, and what is to be told apart as new. */
export interface ReadMark {
  /** The sequence that new messages come after; undefined where nothing is new. */
  readonly newAfter: bigint | undefined;
  /** How many messages stand below what was read. */
  readonly unread: number;
  /** Told whether the newest message is in view: then all is read. */
  readonly setIsAtEnd: (isAtEnd: boolean) => void;
  /** Takes the divider away. */
  readonly clear: () => void;
}

/** Keeps the mark of what was read, while somebody looks at the end of the room. */
export function useReadMark(room: RoomStore): ReadMark {
  const { messages, epoch } = useStore(room.snapshot);
  const read = useStore(readPositions)[room.room];
  const isVisible = useSyncExternalStore(subscribeToVisibility, () => !document.hidden);
  const [isAtEnd, setIsAtEnd] = useState(false);
  // As it was when the room was opened, or when the page was left.
  const [newAfter, setNewAfter] = useState(() => read?.sequence);
  const head = messages.at(-1)?.sequence;

  useEffect(() => {
    if (isVisible && isAtEnd && head !== undefined) {
      readPositions.mark(room.room, { epoch, sequence: head });
    }
  }, [room, isVisible, isAtEnd, epoch, head]);
  // Nothing has come since: what comes while somebody looks is not told apart.
  useEffect(() => {
    if (isVisible && newAfter !== undefined && head !== undefined && head <= newAfter) {
      setNewAfter(undefined);
    }
  }, [isVisible, newAfter, head]);
  useEffect(() => {
    if (!isVisible) {
      setNewAfter(readPositions.get()[room.room]?.sequence);
    }
  }, [room, isVisible]);

  const isSameLog = read?.epoch === epoch;
  return {
    newAfter: isSameLog ? newAfter : undefined,
    unread: isSameLog && head !== undefined ? countAfter(messages, read.sequence) : 0,
    setIsAtEnd,
    clear: () => setNewAfter(undefined),
  };
}

function countAfter(messages: readonly { readonly sequence: bigint }[], sequence: bigint): number {
  let count = 0;
  for (let index = messages.length - 1; index >= 0; index--) {
    if ((messages[index]?.sequence ?? 0n) <= sequence) {
      break;
    }
    count++;
  }
  return count;
}

function subscribeToVisibility(listener: () => void): () => void {
  document.addEventListener("visibilitychange", listener);
  return () => document.removeEventListener("visibilitychange", listener);
}
