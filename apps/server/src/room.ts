import type { RoomExtent, StoredMessage } from "./message-log.ts";
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
  readonly #listeners = new Set<() => void>();
  #tail: Tail | undefined;
  #head = 0;
  #pins = 0;
  /** What was committed while the extent was being read. */
  #early: StoredMessage[] = [];

  constructor(name: string, extent: Promise<RoomExtent>, options: RoomOptions) {
    this.name = name;
    this.presence = new Presence(options.presenceGraceMs, () => this.wake());
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

  wake(): void {
    for (const listener of this.#listeners) {
      listener();
    }
  }

  /** Calls back whenever there may be something new. */
  addListener(listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeListener(listener: () => void): void {
    this.#listeners.delete(listener);
  }
}
