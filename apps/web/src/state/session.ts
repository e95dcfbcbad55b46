import type { SharedStream, SharedStreamState } from "@parley/client";
import { presenceChanges } from "./presence-changes.ts";
import { RoomStore } from "./room-store.ts";
import { client } from "./server.ts";
import { createStore, type Store, useStore } from "./store.ts";
import { user } from "./user.ts";

/** How many rooms a page receives at a time; whoever was away longest is left. */
const maxRooms = 16;

/** One user's presence on one page: the rooms that were opened are received over one stream. */
export class Session {
  readonly user: string;
  readonly connection: Store<SharedStreamState> = createStore<SharedStreamState>({ name: "idle" });
  /** The rooms that are received, by the time of the last visit. */
  readonly opened: Store<readonly RoomStore[]> = createStore<readonly RoomStore[]>([]);
  readonly #stream: SharedStream;
  readonly #rooms = new Map<string, RoomStore>();

  constructor(name: string) {
    this.user = name;
    this.#stream = client.shareStream({
      user: name,
      onStateChange: (state) => this.connection.set(state),
    });
  }

  /** The room of this name, received from now on. */
  open(name: string): RoomStore {
    const room =
      this.#rooms.get(name) ??
      new RoomStore(
        {
          client,
          stream: this.#stream,
          user: this.user,
          onPresence: presenceChanges.note,
        },
        name,
      );
    // The order of the map is that of the last visits.
    this.#rooms.delete(name);
    this.#rooms.set(name, room);
    this.#leaveOldest();
    this.opened.set(Array.from(this.#rooms.values()));
    return room;
  }

  /** Tries at once what waits for its time. */
  retryNow(): void {
    this.#stream.retryNow();
    for (const room of this.#rooms.values()) {
      room.retryNow();
    }
  }

  close(): void {
    for (const room of this.#rooms.values()) {
      room.close();
    }
    this.#stream.close();
  }

  #leaveOldest(): void {
    for (const [name, room] of this.#rooms) {
      if (this.#rooms.size <= maxRooms) {
        return;
      }
      if (room.outbox.entries.get().length === 0) {
        this.#rooms.delete(name);
        room.close();
      }
    }
  }
}

const current: Store<Session | undefined> = createStore<Session | undefined>(undefined);

function startSession(): void {
  const name = user.get();
  if (current.get()?.user !== name) {
    current.get()?.close();
    current.set(name === "" ? undefined : new Session(name));
  }
}

user.subscribe(startSession);
startSession();

// The time to come back is when somebody looks, or when there is a network again.
addEventListener("online", () => current.get()?.retryNow());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) {
    current.get()?.retryNow();
  }
});

/** The session of the user; undefined until there is a name. */
export function useSession(): Session | undefined {
  return useStore(current);
}
