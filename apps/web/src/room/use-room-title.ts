import { useEffect } from "react";
import type { RoomEntry } from "../rooms/room-entries.ts";
import { formatUnread } from "../state/unread-count.ts";

/** Has the title of the window tell the room, and how much is unread in all of them. */
export function useRoomTitle(room: string, entries: readonly RoomEntry[] | undefined): void {
  const unread = (entries ?? []).reduce((sum, entry) => sum + entry.unread, 0);
  useEffect(() => {
    document.title = `${unread > 0 ? `(${formatUnread(unread)}) ` : ""}# ${room} · Parley`;
  }, [room, unread]);
}
