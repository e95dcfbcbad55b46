import { useEffect, useRef } from "react";
import type { RoomEntry } from "./room-entries.ts";

/** Alt with an arrow up or down goes to the room above or below, wherever the focus is. */
export function useNeighbourKeys(
  entries: readonly RoomEntry[] | undefined,
  selected: string | undefined,
  onEnter: (room: string) => void,
): void {
  const latest = useRef({ entries, selected, onEnter });
  useEffect(() => {
    latest.current = { entries, selected, onEnter };
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!event.altKey || step === undefined) {
        return;
      }
      event.preventDefault();
      const { entries: rooms = [], selected: current, onEnter: enter } = latest.current;
      const index = rooms.findIndex(({ name }) => name === current);
      const next = rooms[index < 0 ? 0 : index + step];
      if (next) {
        enter(next.name);
      }
    };
    addEventListener("keydown", listener);
    return () => removeEventListener("keydown", listener);
  }, []);
}
