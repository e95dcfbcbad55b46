import type { Message, SubscriptionState } from "@parley/client";

/** What a page knows of a room: its newest messages, without a hole up to the present. */
export interface RoomSnapshot {
  /** The identity of the log that the messages are of; empty until the first page. */
  readonly epoch: string;
  /** In order, each once. */
  readonly messages: readonly Message[];
  /** Whether the first page has come. */
  readonly isLoaded: boolean;
  /** Whether the log holds messages before these. */
  readonly hasOlder: boolean;
  /** What the loading of older messages is doing. */
  readonly older: "idle" | "loading" | "failed";
  /** Whether messages that were shown are gone, as the server no longer keeps them. */
  readonly wasReset: boolean;
  /** How the room is received. */
  readonly live: SubscriptionState;
}

export const emptyRoom: RoomSnapshot = {
  epoch: "",
  messages: [],
  isLoaded: false,
  hasOlder: false,
  older: "idle",
  wasReset: false,
  live: { name: "connecting" },
};

/** How many messages a room keeps in memory while nobody reads its past, at least and at most. */
export const keptMessages = { atLeast: 1_500, atMost: 3_000 } as const;

/** Drops the oldest messages where there are too many; they can be loaded again. */
export function trimOldest(snapshot: RoomSnapshot): RoomSnapshot {
  return snapshot.messages.length <= keptMessages.atMost
    ? snapshot
    : {
        ...snapshot,
        messages: snapshot.messages.slice(-keptMessages.atLeast),
        hasOlder: true,
      };
}
