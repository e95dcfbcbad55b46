import { create } from "@bufbuild/protobuf";
import type { Room } from "@parley/client";
import { RoomSchema } from "@parley/proto/chat/v1";
import type { PresenceChange } from "../state/presence-changes.ts";

/**
 * The rooms with changes of presence applied, the oldest first; the list may know of some
 * already. Of a room with more members than the list names, nothing is known of the
 * others: whoever is not named there is left to the next list.
 */
export function applyPresence(
  rooms: readonly Room[],
  changes: readonly PresenceChange[],
): readonly Room[] {
  if (changes.length === 0) {
    return rooms;
  }
  const ofRoom = Map.groupBy(changes, ({ room }) => room);
  const applied = rooms.map((room) => {
    const own = ofRoom.get(room.name);
    ofRoom.delete(room.name);
    return own ? own.reduce(applyChange, room) : room;
  });
  // What is left is of rooms that the list does not have.
  const added = Array.from(ofRoom, ([name, own]) =>
    own.reduce(applyChange, create(RoomSchema, { name })),
  );
  return [...applied, ...added.filter(({ members }) => members.length > 0)];
}

function applyChange(room: Room, { user, isHere }: PresenceChange): Room {
  const isNamed = room.members.includes(user);
  const isPartial = room.memberCount > room.members.length;
  if (isNamed === isHere || (isHere && isPartial)) {
    return room;
  }
  const members = isHere
    ? [...room.members, user].toSorted()
    : room.members.filter((name) => name !== user);
  return { ...room, members, memberCount: room.memberCount + (isHere ? 1 : -1) };
}
