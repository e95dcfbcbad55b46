import { useMemo } from "react";
import type { RoomEntry } from "../rooms/room-entries.ts";
import type { RoomStore } from "../state/room-store.ts";
import { useStore } from "../state/store.ts";

/** Who is in a room, by name; the first of them where there are many. */
export interface Members {
  readonly names: readonly string[];
  readonly count: number;
}

/** Who is in a room: whom the server named, and whoever just came here without being named yet. */
export function useMembers(room: RoomStore, entry: RoomEntry | undefined, user: string): Members {
  const isHere = useStore(room.snapshot).live.name === "live";
  return useMemo(() => {
    const names = entry?.members ?? [];
    const count = entry?.memberCount ?? 0;
    const isMissing = isHere && !names.includes(user) && count === names.length;
    return isMissing ? { names: [...names, user].toSorted(), count: count + 1 } : { names, count };
  }, [entry, isHere, user]);
}
