import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import type { VirtualizerHandle } from "virtua";
import type { RoomStore } from "../state/room-store.ts";
import type { MessageRow } from "./message-rows.ts";
import { lingerMs, useHand } from "./use-hand.ts";

export interface ConversationScrollOptions {
  readonly room: RoomStore;
  readonly rows: readonly MessageRow[];
  readonly scroller: RefObject<HTMLElement | null>;
  /** Told whether the newest message is in view. */
  readonly onAtEnd: (isAtEnd: boolean) => void;
}

/** Where the list stands: at its end it follows what comes, elsewhere it stays. */
export interface ConversationScroll {
  readonly list: RefObject<VirtualizerHandle | null>;
  /** Whether rows were added or taken away at the start since the list was rendered last. */
  readonly isShifted: boolean;
  readonly isAtEnd: boolean;
  readonly onScroll: () => void;
  readonly onResize: () => void;
  readonly showLatest: () => void;
}

// So that the next page is there before its place is reached.
const loadOlderWithinPixels = 3_000;
const atEndWithinPixels = 32;

/** Keeps a list of messages at its end, or in its place, and loads what is above in time. */
export function useConversationScroll(options: ConversationScrollOptions): ConversationScroll {
  const { room, rows, scroller, onAtEnd } = options;
  const list = useRef<VirtualizerHandle>(null);
  const [isAtEnd, setIsAtEnd] = useState(true);
  const follows = useRef(true);
  const hand = useHand(scroller);
  const isShifted = useIsShifted(rows);
  const isPlaced = useRef(false);

  const scrollToEnd = useCallback(() => {
    const element = scroller.current;
    if (element) {
      element.scrollTop = element.scrollHeight;
    }
  }, [scroller]);

  const loadOlder = useCallback(() => {
    const { hasOlder, older } = room.snapshot.get();
    const isNear = (scroller.current?.scrollTop ?? 0) < loadOlderWithinPixels;
    if (isNear && hasOlder && older === "idle") {
      void room.loadOlder();
    }
  }, [room, scroller]);

  const setFollows = useCallback(
    (isFollowing: boolean) => {
      follows.current = isFollowing;
      room.isPinned = isFollowing;
      setIsAtEnd(isFollowing);
      onAtEnd(isFollowing);
    },
    [room, onAtEnd],
  );
  const later = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(later.current), []);
  const follow = useCallback(() => {
    if (!follows.current) {
      return;
    }
    if (hand.isOn()) {
      // Unless that hand takes the list elsewhere.
      clearTimeout(later.current);
      later.current = setTimeout(follow, lingerMs + 1);
    } else {
      scrollToEnd();
    }
  }, [scrollToEnd, hand]);
  const place = useCallback(() => {
    const element = scroller.current;
    if (!element) {
      return;
    }
    const belowPixels = element.scrollHeight - element.scrollTop - element.clientHeight;
    if (belowPixels <= atEndWithinPixels) {
      setFollows(true);
    } else if (hand.isOn()) {
      setFollows(false);
    } else {
      // The list moves by itself as well, when it learns how high its rows are.
      follow();
    }
  }, [scroller, setFollows, hand, follow]);

  useLayoutEffect(() => {
    if (rows.length > 0 && !isPlaced.current) {
      isPlaced.current = true;
      const firstNew = rows.findIndex(({ startsNew }) => startsNew);
      if (firstNew >= 0) {
        setFollows(false);
        list.current?.scrollToIndex(Math.max(0, firstNew - 1), { align: "start" });
        requestAnimationFrame(place);
        return;
      }
      setFollows(true);
    }
    follow();
  }, [rows, follow, setFollows, place]);
  // Rows can be there without any scrolling: fewer than fill the window.
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is what came with the rows that is looked at
  useEffect(loadOlder, [rows, loadOlder]);
  // Elsewhere old messages may be dropped.
  useEffect(
    () => () => {
      room.isPinned = true;
    },
    [room],
  );
  useFollowedResize(scroller, follow);

  return {
    list,
    isShifted,
    isAtEnd,
    onScroll() {
      place();
      loadOlder();
    },
    onResize: follow,
    showLatest() {
      hand.letGo();
      setFollows(true);
      scrollToEnd();
    },
  };
}

/** Compares the first row with that of the last commit. */
function useIsShifted(rows: readonly MessageRow[]): boolean {
  const committed = useRef(rows);
  useLayoutEffect(() => {
    committed.current = rows;
  });
  const before = committed.current[0]?.key;
  return before !== undefined && before !== rows[0]?.key;
}

/** Stays at the end when the window changes its height: for the keyboard of a phone, say. */
function useFollowedResize(scroller: RefObject<HTMLElement | null>, follow: () => void): void {
  useEffect(() => {
    const observer = new ResizeObserver(follow);
    if (scroller.current) {
      observer.observe(scroller.current);
    }
    return () => observer.disconnect();
  }, [scroller, follow]);
}
