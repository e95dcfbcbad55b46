import { createStore, type Store } from "./store.ts";

/** Somebody came to a room or left it. */
export interface PresenceChange {
  readonly room: string;
  readonly user: string;
  readonly isHere: boolean;
  /** When this page was told, in milliseconds since 1970. */
  readonly atMs: number;
}

/** The changes of presence that a list of rooms may not know of yet. */
export interface PresenceChanges {
  /** The last change of each user in each room, the oldest first. */
  readonly recent: Pick<Store<readonly PresenceChange[]>, "get" | "subscribe">;
  /** Notes a change. It shows with others of the same moment. */
  note(change: Omit<PresenceChange, "atMs">): void;
}

// For as long as a list may not come.
const keptMs = 60_000;
// In a busy room somebody always comes: the page is not drawn for each of them.
const showDelayMs = 300;

export function createPresenceChanges(): PresenceChanges {
  const recent = createStore<readonly PresenceChange[]>([]);
  let noted = new Map<string, PresenceChange>();

  function show(): void {
    const keptFromMs = Date.now() - keptMs;
    const kept = recent
      .get()
      .filter((change) => change.atMs >= keptFromMs && !noted.has(keyOf(change)));
    recent.set([...kept, ...noted.values()]);
    noted = new Map();
  }

  return {
    recent,
    note(change) {
      const key = keyOf(change);
      if (noted.size === 0) {
        setTimeout(show, showDelayMs);
      }
      // The order of the map is that of the last changes.
      noted.delete(key);
      noted.set(key, { ...change, atMs: Date.now() });
    },
  };
}

/** Those of the rooms that are open on this page. */
export const presenceChanges: PresenceChanges = createPresenceChanges();

function keyOf({ room, user }: Pick<PresenceChange, "room" | "user">): string {
  return JSON.stringify([room, user]);
}
