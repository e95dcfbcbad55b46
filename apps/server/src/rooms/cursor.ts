import type { Message } from "@parley/proto/chat/v1";
import type { Frames } from "../log/frames.ts";
import type { CachedPage, PageCache } from "./page-cache.ts";
import type { PresenceEvent } from "./presence.ts";
import type { Room } from "./room.ts";

/** Who takes what a cursor has. An object, not a callback: there is one for each open stream. */
export interface CursorReader {
  /** Called whenever there may be something to take again. Must not throw. */
  onChange(): void;
}

export interface CursorOptions {
  readonly reader: CursorReader;
  readonly user: string;
  /** The sequence to start after. */
  readonly startAfter: number;
  /**
   * Whether that is only where the oldest message was when the reader asked for it. Then what
   * retention removes until the first message is taken is not missed.
   */
  readonly isFromOldest: boolean;
  /** Whether the reader is told who comes and goes. The user is in the room either way. */
  readonly presence: boolean;
  /** Called once, when the cursor is closed. */
  readonly onClose: (cursor: Cursor) => void;
}

/**
 * One reader's position in a room. It holds no messages: those after the
 * position come from the room's tail, or in pages from the log when the tail has
 * moved on.
 */
export class Cursor implements CursorReader {
  readonly room: Room;
  readonly startedAfter: number;
  readonly #pages: PageCache;
  readonly #reader: CursorReader;
  readonly #user: string;
  readonly #presence: boolean;
  readonly #onClose: CursorOptions["onClose"];
  #position: number;
  #isFromOldest: boolean;
  #page: CachedPage | undefined;
  #loading = false;
  #error: unknown;
  #presenceIndex: number;
  #closed = false;

  constructor(room: Room, pages: PageCache, options: CursorOptions) {
    this.room = room;
    this.#pages = pages;
    this.#reader = options.reader;
    this.#user = options.user;
    this.#presence = options.presence;
    this.#onClose = options.onClose;
    this.startedAfter = options.startAfter;
    this.#position = options.startAfter;
    this.#isFromOldest = options.isFromOldest;
    room.presence.enter(options.user);
    this.#presenceIndex = room.presence.eventCount;
    room.addReader(this, options.presence);
  }

  /**
   * Called by the room when it has something new. The room knows the cursor, not its reader:
   * that may have several cursors in one room, of which each comes and goes by itself.
   */
  onChange(): void {
    this.#reader.onChange();
  }

  /** The sequence of the last message taken: where to resume. */
  get position(): number {
    return this.#position;
  }

  /** Whether every message that the room is known to have was taken. */
  get caughtUp(): boolean {
    return this.#position >= this.room.head;
  }

  /**
   * Takes the next message if one is at hand. When none is, the reader's
   * `onChange` is called as soon as there may be one.
   *
   * @throws MessageLogError when the log cannot be read, or no longer holds what
   * comes next ("out-of-range").
   */
  next(): Message | undefined {
    const chunk = this.#find();
    if (!chunk) {
      return undefined;
    }
    const index = chunk.indexAfter(this.#position);
    this.#position = chunk.sequenceAt(index);
    this.#isFromOldest = false;
    return chunk.messageAt(index);
  }

  /** Takes the next messages that are at hand in one piece, as `next` takes one. */
  nextFrames(): Frames | undefined {
    const chunk = this.#find();
    if (!chunk) {
      return undefined;
    }
    const index = chunk.indexAfter(this.#position);
    this.#position = chunk.lastSequence;
    this.#isFromOldest = false;
    return chunk.framesFrom(index);
  }

  /** Takes the next presence event; undefined when there is none, or none was asked for. */
  nextPresence(): PresenceEvent | undefined {
    if (!this.#presence) {
      return undefined;
    }
    const found = this.room.presence.eventAt(this.#presenceIndex);
    if (found) {
      this.#presenceIndex = found.next;
    }
    return found?.event;
  }

  /** Lets go of the room. May be called twice. */
  close(): void {
    if (!this.#closed) {
      this.#closed = true;
      this.room.removeReader(this);
      this.room.presence.leave(this.#user);
      this.#onClose(this);
    }
  }

  /** The chunk that holds the next message, if it is at hand. */
  #find(): Frames | undefined {
    if (this.#error !== undefined) {
      throw this.#error;
    }
    const { tail } = this.room;
    if (this.#position >= tail.startsAfter) {
      this.#page = undefined;
      return tail.chunkAfter(this.#position);
    }
    if (this.#loading) {
      return undefined;
    }
    const { name } = this.room;
    let chunk = this.#page?.chunkAfter(this.#position);
    if (!chunk) {
      this.#page = this.#pages.load(name, this.#isFromOldest ? "oldest" : this.#position);
      chunk = this.#page.chunkAfter(this.#position);
      if (!chunk) {
        this.#load(this.#page);
        return undefined;
      }
    }
    if (chunk.lastSequence < tail.startsAfter) {
      // The next page is read while this one is sent.
      this.#pages.load(name, chunk.lastSequence);
    }
    return chunk;
  }

  /** Waits for a page. Does not reject: whatever fails, the next message taken tells. */
  async #load(page: CachedPage): Promise<void> {
    this.#loading = true;
    try {
      await page.loaded;
      if (this.#isFromOldest) {
        this.#position = Math.max(this.#position, page.after);
      }
    } catch (error) {
      this.#error = error;
    }
    this.#loading = false;
    if (this.#closed) {
      return;
    }
    try {
      this.#reader.onChange();
    } catch (error) {
      this.#error ??= error;
    }
  }
}
