import { type MessageLog, MessageLogError } from "../log/message-log.ts";
import { Cursor, type CursorOptions } from "./cursor.ts";
import { PageCache } from "./page-cache.ts";
import { Room } from "./room.ts";
import { SortedNames } from "./sorted-names.ts";
import type { TailBudget } from "./tail.ts";

export interface RoomsOptions {
  /** How many bytes of its newest messages a room keeps in memory. Default 1 MiB. */
  readonly tailBytes?: number;
  /** The same for all rooms together. Default 64 MiB. */
  readonly totalTailBytes?: number;
  /** How many bytes of pages are kept for readers behind the tail, in all. Default 64 MiB. */
  readonly pageCacheBytes?: number;
  /** How long after a user's last subscription closes the user leaves, in ms. Default 5,000. */
  readonly presenceGraceMs?: number;
  /** Told of what went wrong outside any call. Default: a warning of the process. */
  readonly onWarning?: (message: string) => void;
}

export interface SubscribeOptions
  extends Omit<CursorOptions, "startAfter" | "isFromOldest" | "onClose"> {
  readonly room: string;
  /** "head": only what comes. "oldest": everything kept. Otherwise the sequence to start after. */
  readonly start: "head" | "oldest" | number;
}

/** How long a room that nobody uses keeps its tail, for readers that come back. */
const unusedRoomMs = 60_000;

/**
 * The rooms in use on this instance. They follow the log, so it does not matter which
 * instance or thread appended a message.
 */
export class Rooms {
  readonly #log: MessageLog;
  readonly #options: Required<RoomsOptions>;
  readonly #pages: PageCache;
  readonly #rooms = new Map<string, Room>();
  /** Those whose tails hold something, in the order of their last message. */
  readonly #roomsWithTails = new Set<Room>();
  readonly #occupied = new SortedNames();
  #unusedBefore = new Set<Room>();
  readonly #tailBudget: TailBudget = { heldBytes: 0 };
  #subscriptionCount = 0;
  readonly #sweepTimer: NodeJS.Timeout;

  constructor(log: MessageLog, options: RoomsOptions = {}) {
    this.#log = log;
    this.#options = {
      tailBytes: options.tailBytes ?? 1024 * 1024,
      totalTailBytes: options.totalTailBytes ?? 64 * 1024 * 1024,
      pageCacheBytes: options.pageCacheBytes ?? 64 * 1024 * 1024,
      presenceGraceMs: options.presenceGraceMs ?? 5_000,
      onWarning: options.onWarning ?? ((message) => process.emitWarning(message)),
    };
    this.#pages = new PageCache(log, this.#options.pageCacheBytes);
    this.#sweepTimer = setInterval(() => this.#sweep(), unusedRoomMs);
    this.#sweepTimer.unref();
  }

  get subscriptionCount(): number {
    return this.#subscriptionCount;
  }

  /**
   * Opens a subscription. The caller closes the cursor.
   *
   * @throws MessageLogError when the log cannot be read, or does not hold
   * everything after the start.
   */
  async subscribe({
    room: name,
    start,
    reader,
    user,
    presence,
  }: SubscribeOptions): Promise<Cursor> {
    const room = this.#room(name);
    room.pin();
    try {
      await room.ready;
      const startAfter = await this.#startAfter(room, start);
      this.#subscriptionCount += 1;
      const onClose = this.#onCursorClosed;
      return new Cursor(room, this.#pages, {
        reader,
        user,
        presence,
        startAfter,
        isFromOldest: start === "oldest",
        onClose,
      });
    } catch (error) {
      room.unpin();
      throw error;
    }
  }

  readonly #onCursorClosed = ({ room }: Cursor): void => {
    this.#subscriptionCount -= 1;
    room.unpin();
  };

  /** The first names after a name of the rooms that have members, in code point order. */
  occupied(afterName: string, limit: number): string[] {
    return this.#occupied.after(afterName, limit);
  }

  /** Who is in a room, by name. */
  members(name: string): string[] {
    return this.#rooms.get(name)?.presence.members() ?? [];
  }

  close(): void {
    clearInterval(this.#sweepTimer);
    for (const room of this.#rooms.values()) {
      room.close();
    }
  }

  #room(name: string): Room {
    let room = this.#rooms.get(name);
    if (!room) {
      const opened = new Room(name, this.#log, {
        ...this.#options,
        tailBudget: this.#tailBudget,
        onMessages: this.#onMessages,
        onPresence: this.#onPresence,
        onReaderError: this.#onReaderError,
      });
      this.#rooms.set(name, opened);
      opened.ready.catch(() => this.#forget(opened));
      room = opened;
    }
    return room;
  }

  #forget(room: Room): void {
    room.close();
    this.#roomsWithTails.delete(room);
    if (this.#rooms.get(room.name) === room) {
      this.#rooms.delete(room.name);
    }
  }

  async #startAfter(room: Room, start: SubscribeOptions["start"]): Promise<number> {
    if (start === "head") {
      return room.head;
    }
    if (start !== "oldest" && start >= room.tail.startsAfter && start <= room.head) {
      return start;
    }
    const extent = await this.#log.extent(room.name);
    if (start === "oldest") {
      return extent.oldest;
    }
    if (start < extent.oldest || start > extent.head) {
      throw MessageLogError.outOfRange(room.name, start, extent);
    }
    return start;
  }

  readonly #onMessages = (room: Room): void => {
    this.#roomsWithTails.delete(room);
    this.#roomsWithTails.add(room);
    this.#shrinkTails();
  };

  readonly #onPresence = ({ name, presence }: Room): void => {
    if (presence.memberCount > 0) {
      this.#occupied.add(name);
    } else {
      this.#occupied.delete(name);
    }
  };

  readonly #onReaderError = (error: unknown): void => {
    try {
      this.#options.onWarning(`a reader of a room failed: ${error}`);
    } catch {
      // Whoever is told of a trouble is not to make more of it.
    }
  };

  #shrinkTails(): void {
    for (const room of this.#roomsWithTails) {
      if (this.#tailBudget.heldBytes <= this.#options.totalTailBytes) {
        return;
      }
      room.clearTail();
      this.#roomsWithTails.delete(room);
    }
  }

  /** Forgets the rooms that were unused at the last sweep too. */
  #sweep(): void {
    const unused = new Set([...this.#rooms.values()].filter((room) => room.unused));
    for (const room of unused) {
      if (this.#unusedBefore.has(room)) {
        this.#forget(room);
        unused.delete(room);
      }
    }
    this.#unusedBefore = unused;
  }
}
