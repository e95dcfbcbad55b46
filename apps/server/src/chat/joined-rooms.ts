import type { FramesToWrite } from "../log/frames.ts";
import type { Cursor, CursorReader } from "../rooms/cursor.ts";
import type { SubscribeOptions } from "../rooms/rooms.ts";
import type { ChatContext } from "./chat-context.ts";
import type { FairTurns, TurnTaker } from "./fair-turns.ts";
import { takeFrames } from "./server-messages.ts";

/** The rooms that one Chat stream receives. */
export class JoinedRooms {
  readonly #context: ChatContext;
  readonly #turns: FairTurns;
  readonly #onChange: () => void;
  readonly #rooms = new Map<string, JoinedRoom>();
  #isClosed = false;

  /** @param onChange - called when a room has lined up for its turn */
  constructor(context: ChatContext, turns: FairTurns, onChange: () => void) {
    this.#context = context;
    this.#turns = turns;
    this.#onChange = onChange;
  }

  get count(): number {
    return this.#rooms.size;
  }

  /** The cursor of a room that is joined. */
  cursor(room: string): Cursor | undefined {
    return this.#rooms.get(room)?.cursor;
  }

  /** Whether every message that the rooms are known to have was taken. */
  get areCaughtUp(): boolean {
    for (const { cursor } of this.#rooms.values()) {
      if (cursor && !cursor.caughtUp) {
        return false;
      }
    }
    return true;
  }

  /**
   * Joins a room, in the place of where it was joined before. Nothing of it is taken before
   * `begin` is called. Undefined when the stream has ended meanwhile.
   *
   * @throws MessageLogError as `Rooms.subscribe` does
   */
  async join(
    room: string,
    user: string,
    start: SubscribeOptions["start"],
  ): Promise<{ readonly cursor: Cursor; readonly begin: () => void } | undefined> {
    const joined = new JoinedRoom(this.#context, this.#onNews);
    const cursor = await this.#context.rooms.subscribe({
      room,
      user,
      start,
      presence: true,
      reader: joined,
    });
    if (this.#isClosed) {
      cursor.close();
      return undefined;
    }
    this.leave(room);
    this.#rooms.set(room, joined);
    joined.cursor = cursor;
    return { cursor, begin: () => joined.begin() };
  }

  /** Lets go of a room, if it is joined: nothing more of it is sent. */
  leave(room: string): void {
    const joined = this.#rooms.get(room);
    if (joined) {
      this.#rooms.delete(room);
      this.#turns.delete(joined);
      joined.close();
    }
  }

  readonly #onNews = (joined: JoinedRoom): void => {
    this.#turns.add(joined);
    this.#onChange();
  };

  /** Lets go of all rooms, for good. */
  close(): void {
    this.#isClosed = true;
    for (const room of [...this.#rooms.keys()]) {
      this.leave(room);
    }
  }
}

class JoinedRoom implements CursorReader, TurnTaker {
  readonly #context: ChatContext;
  readonly #onNews: (room: JoinedRoom) => void;
  cursor: Cursor | undefined;
  #hasBegun = false;

  /** @param onNews - called when it may have something to take */
  constructor(context: ChatContext, onNews: (room: JoinedRoom) => void) {
    this.#context = context;
    this.#onNews = onNews;
  }

  begin(): void {
    // It may have been left again before it was welcomed.
    if (this.cursor) {
      this.#hasBegun = true;
      this.#onNews(this);
    }
  }

  onChange(): void {
    if (this.#hasBegun) {
      this.#onNews(this);
    }
  }

  take(): FramesToWrite | undefined {
    return this.cursor && takeFrames(this.cursor, this.#context.metrics);
  }

  close(): void {
    this.#hasBegun = false;
    this.cursor?.close();
    this.cursor = undefined;
  }
}
