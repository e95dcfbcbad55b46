import type { Position, Room } from "@parley/client";
import { countUnread } from "../state/unread-count.ts";

/** A room as the lists show it. */
export interface RoomEntry {
  readonly name: string;
  readonly unread: number;
  /** Who is there, by name; the first of them where there are many. */
  readonly members: readonly string[];
  readonly memberCount: number;
}

/** What a page knows of a room besides what the server listed. */
export interface OpenedRoom {
  readonly name: string;
  /** The position of the newest message received; of no epoch before the first page. */
  readonly head: Position;
}

/**
 * All rooms by name: those that the server lists, and those that are open here and may
 * be newer than its list.
 */
export function toRoomEntries(
  listed: readonly Room[],
  opened: readonly OpenedRoom[],
  readPositions: Readonly<Record<string, Position>>,
): RoomEntry[] {
  const entries = new Map<string, RoomEntry>();
  const heads = new Map(opened.map(({ name, head }) => [name, head]));
  for (const room of listed) {
    const head = newest(room.head ?? noPosition, heads.get(room.name) ?? noPosition);
    const newCount = head.sequence - (room.head?.sequence ?? 0n);
    const isAhead = head.epoch === room.head?.epoch && newCount > 0n;
    const messageCount = room.messageCount + (isAhead ? newCount : 0n);
    entries.set(room.name, {
      name: room.name,
      unread: countUnread({ head, messageCount }, readPositions[room.name]),
      members: room.members,
      memberCount: room.memberCount,
    });
  }
  for (const { name } of opened) {
    if (!entries.has(name)) {
      entries.set(name, { name, unread: 0, members: [], memberCount: 0 });
    }
  }
  return Array.from(entries.values()).toSorted((a, b) => compare(a.name, b.name));
}

/** The entries whose name holds the text: those that begin with it first. */
export function filterRooms<T extends { readonly name: string }>(
  entries: readonly T[],
  text: string,
): T[] {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") {
    return [...entries];
  }
  const found = entries.filter(({ name }) => name.toLowerCase().includes(wanted));
  const isPrefixed = ({ name }: T) => name.toLowerCase().startsWith(wanted);
  return [...found.filter(isPrefixed), ...found.filter((entry) => !isPrefixed(entry))];
}

const { compare } = new Intl.Collator("en", { numeric: true });
const noPosition: Position = { epoch: "", sequence: 0n };

function newest(listed: Position, received: Position): Position {
  return received.epoch === listed.epoch && received.sequence > listed.sequence ? received : listed;
}
