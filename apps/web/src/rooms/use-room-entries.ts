import { useMemo, useSyncExternalStore } from "react";
import { readPositions } from "../state/read-positions.ts";
import type { RoomStore } from "../state/room-store.ts";
import { type Session, useSession } from "../state/session.ts";
import { useStore } from "../state/store.ts";
import { type OpenedRoom, type RoomEntry, toRoomEntries } from "./room-entries.ts";
import { useRooms } from "./use-rooms.ts";

/** All rooms as the lists show them; undefined until the server has listed them. */
export function useRoomEntries(): {
  readonly entries: readonly RoomEntry[] | undefined;
  readonly error: Error | null;
} {
  const { rooms, error } = useRooms();
  const opened = useOpenedRooms(useSession());
  const read = useStore(readPositions);
  const entries = useMemo(() => rooms && toRoomEntries(rooms, opened, read), [rooms, opened, read]);
  return { entries, error };
}

const none: readonly OpenedRoom[] = [];

/** The rooms that are open here, anew whenever one of them got messages. */
function useOpenedRooms(session: Session | undefined): readonly OpenedRoom[] {
  const source = useMemo(() => (session ? observeRooms(session) : undefined), [session]);
  return useSyncExternalStore(source?.subscribe ?? subscribeToNothing, source?.get ?? getNone);
}

const subscribeToNothing = () => () => {};
const getNone = () => none;

function observeRooms(session: Session) {
  let last: readonly OpenedRoom[] = none;
  return {
    get(): readonly OpenedRoom[] {
      const rooms = Array.from(session.opened.get(), (room) => ({
        name: room.room,
        head: room.head,
      }));
      if (!isSame(rooms, last)) {
        last = rooms;
      }
      return last;
    },
    subscribe(listener: () => void): () => void {
      let unsubscribe = watch(session.opened.get(), listener);
      const unsubscribeFromList = session.opened.subscribe(() => {
        unsubscribe();
        unsubscribe = watch(session.opened.get(), listener);
        listener();
      });
      return () => {
        unsubscribe();
        unsubscribeFromList();
      };
    },
  };
}

function watch(rooms: readonly RoomStore[], listener: () => void): () => void {
  const ends = rooms.map((room) => room.snapshot.subscribe(listener));
  return () => {
    for (const end of ends) {
      end();
    }
  };
}

function isSame(a: readonly OpenedRoom[], b: readonly OpenedRoom[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, head }, index) => {
      const other = b[index];
      return (
        name === other?.name &&
        head.epoch === other.head.epoch &&
        head.sequence === other.head.sequence
      );
    })
  );
}
