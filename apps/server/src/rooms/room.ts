import type { RoomExtent, StoredMessage } from "../log/message-log.ts";
import type { CursorReader } from "./cursor.ts";
import { Presence } from "./presence.ts";
import { Tail, type TailBudget } from "./tail.ts";

export interface RoomOptions {
  readonly tailBytes: number;
  readonly tailBudget: TailBudget;
  readonly presenceGraceMs: number;
}

/** A room that is in use: its tail, who is in it, and who waits for its next message. */
export class Room {
  readonly name: string;
  readonly presence: Presence;
  /** Resolves when the room knows its place in the log; rejects with a MessageLogError. */
  readonly ready: Promise<void>;
  readonly #readers = new Set<CursorReader>();
  /** Those of them who are told who comes and goes. */
  readonly #presenceReaders = new Set<CursorReader>();
  #tail: Tail | undefined;
  #head = 0;
  #pins = 0;
  /** What was committed while the extent was being read. */
  #early: StoredMessage[] = [];

  constructor(name: string, extent: Promise<RoomExtent>, options: RoomOptions) {
    this.name = name;
    this.presence = new Presence(options.presenceGraceMs, () => notify(this.#presenceReaders));
    this.ready = extent.then(({ head }) => {
      this.#head = head;
      this.#tail = new Tail(head, options.tailBytes, options.tailBudget);
      const early = this.#early;
      this.#early = [];
      this.push(early);
    });
  }

  /** The sequence of the newest message that this instance knows of. */
  get head(): number {
    return this.#head;
  }

  /** Only of a room that is ready. */
  get tail(): Tail {
    if (!this.#tail) {
      throw new Error("the room is not ready");
    }
    return this.#tail;
  }

  /** Whether nobody reads it, is about to, or is in it. */
  get unused(): boolean {
    return this.#pins === 0 && this.presence.memberCount === 0;
  }

  /** Keeps the room in use until `unpin`. */
  pin(): void {
    this.#pins += 1;
  }

  unpin(): void {
    this.#pins -= 1;
  }

  /** Lets go of the messages in memory, if any. */
  clearTail(): void {
    this.#tail?.clear();
  }

  /** Takes committed messages, in order; whoever calls wakes the room afterwards. */
  push(messages: readonly StoredMessage[]): void {
    if (!this.#tail) {
      this.#early.push(...messages);
      return;
    }
    // What was committed while the extent was being read may be part of it.
    const fresh = messages.filter(({ sequence }) => sequence > this.#head);
    if (fresh.length > 0) {
      this.#head = fresh.at(-1)?.sequence ?? this.#head;
      this.#tail.push(fresh);
    }
  }

  /** Tells the readers of new messages. */
  wake(): void {
    notify(this.#readers);
  }

  addReader(reader: CursorReader, wantsPresence: boolean): void {
    this.#readers.add(reader);
    if (wantsPresence) {
      this.#presenceReaders.add(reader);
    }
  }

  removeReader(reader: CursorReader): void {
    this.#readers.delete(reader);
    this.#presenceReaders.delete(reader);
  }
}

function notify(readers: Iterable<CursorReader>): void {
  for (const reader of readers) {
    reader.onChange();
  }
}
