import type { MessageStore, RemovalBudget } from "./message-store.ts";

/** What is kept. */
export interface RetentionLimits {
  /** How old a message may become, in milliseconds; 0 for any age. */
  readonly retentionMs: number;
  /** How many bytes of payload a room may hold, its newest message aside; 0 for no bound. */
  readonly retentionBytes: number;
  /** How old an idempotency key may become, in milliseconds. */
  readonly idempotencyWindowMs: number;
}

interface Sweep {
  areKeysDue: boolean;
  lastRoomId: number;
}

/**
 * What one slice removes at most, beside as much as was appended since the last of its kind:
 * so slices stay small, and still keep up with whoever appends.
 */
const sliceMessages = 1_000;
const sliceBytes = 4 * 1024 * 1024;
const sliceRooms = 200;
/** What of the appended is made up for at most: appends wait for a slice. */
const maxAppendedMessages = 32_000;
const maxAppendedBytes = 64 * 1024 * 1024;
/** How many rooms are remembered as due; others are found again by the next sweep. */
const maxDueRooms = 100_000;
/** With how many of them a sweep looks for no more. */
const enoughDueRooms = 1_000;

/**
 * The removal of what need not be kept any more, in slices: whoever runs it lets appends
 * have their turn in between. Rooms that grow too large are noticed as they do; all others,
 * and idempotency keys, when a sweep is begun.
 */
export class RetentionSweep {
  readonly #store: MessageStore;
  readonly #limits: RetentionLimits;
  /** The rooms that hold what is to be removed, the next one first. */
  readonly #dueRooms = new Set<string>();
  /** How far the sweep of everything is, while there is one. */
  #sweep: Sweep | undefined;
  #isSweepsTurn = true;
  /** What was appended since rooms were trimmed last, as long as there is one to trim. */
  #appended: RemovalBudget = { messages: 0, bytes: 0 };
  /** How many messages were since keys were removed last, as long as there is a sweep. */
  #appendedKeys = 0;

  constructor(store: MessageStore, limits: RetentionLimits) {
    this.#store = store;
    this.#limits = limits;
  }

  /** Whether there is a slice to run. */
  get isDue(): boolean {
    return this.#sweep !== undefined || this.#dueRooms.size > 0;
  }

  /** Begins to look at all that the store holds, unless it does already. */
  begin(): void {
    this.#sweep ??= { areKeysDue: true, lastRoomId: 0 };
  }

  /** Takes note of what was appended. */
  onAppended(rooms: readonly string[], messages: number, bytes: number): void {
    const { retentionBytes } = this.#limits;
    if (this.#dueRooms.size === 0) {
      this.#appended = { messages: 0, bytes: 0 };
    }
    for (const room of retentionBytes > 0 ? rooms : []) {
      if (this.#dueRooms.size < maxDueRooms && this.#store.bytesOf(room) > retentionBytes) {
        this.#dueRooms.add(room);
      }
    }
    this.#appended.messages = Math.min(this.#appended.messages + messages, maxAppendedMessages);
    this.#appended.bytes = Math.min(this.#appended.bytes + bytes, maxAppendedBytes);
    this.#appendedKeys = this.#sweep
      ? Math.min(this.#appendedKeys + messages, maxAppendedMessages)
      : 0;
  }

  /**
   * Runs one slice. After one that failed the next goes on with something else: what it was
   * to remove is found again by the next sweep.
   *
   * @throws MessageLogError
   */
  runSlice(nowMs: number): void {
    this.#isSweepsTurn = !this.#isSweepsTurn || this.#dueRooms.size === 0;
    if (this.#sweep && this.#isSweepsTurn) {
      this.#advance(this.#sweep, nowMs);
    } else {
      this.#trimRooms(nowMs);
    }
  }

  #advance(sweep: Sweep, nowMs: number): void {
    if (sweep.areKeysDue) {
      sweep.areKeysDue = false;
      const limit = sliceMessages + this.#appendedKeys;
      this.#appendedKeys = 0;
      const beforeMs = nowMs - this.#limits.idempotencyWindowMs;
      sweep.areKeysDue = this.#store.removeKeys(beforeMs, limit) === limit;
      return;
    }
    if (this.#dueRooms.size >= enoughDueRooms) {
      this.#trimRooms(nowMs);
      return;
    }
    const rooms = this.#store.roomsAfter(sweep.lastRoomId, sliceRooms);
    for (const { id, name, bytes, messageCount } of rooms) {
      if (messageCount > 0 && this.#isRoomDue(id, bytes, nowMs)) {
        this.#dueRooms.add(name);
      }
      sweep.lastRoomId = id;
    }
    if (rooms.length < sliceRooms) {
      this.#sweep = undefined;
    }
  }

  #isRoomDue(id: number, bytes: number, nowMs: number): boolean {
    const { retentionMs, retentionBytes } = this.#limits;
    return (
      (retentionBytes > 0 && bytes > retentionBytes) ||
      (retentionMs > 0 && (this.#store.oldestOf(id)?.receivedAtMs ?? nowMs) < nowMs - retentionMs)
    );
  }

  #trimRooms(nowMs: number): void {
    const budget = {
      messages: sliceMessages + this.#appended.messages,
      bytes: sliceBytes + this.#appended.bytes,
    };
    this.#appended = { messages: 0, bytes: 0 };
    const names: string[] = [];
    for (const name of this.#dueRooms) {
      if (names.length === sliceRooms) {
        break;
      }
      names.push(name);
      this.#dueRooms.delete(name);
    }
    const { retentionMs, retentionBytes } = this.#limits;
    const beforeMs = retentionMs > 0 ? nowMs - retentionMs : Number.NEGATIVE_INFINITY;
    // A little more than needed, so that a room at its limit is not trimmed at every append.
    const targetBytes =
      retentionBytes > 0 ? retentionBytes - retentionBytes / 16 : Number.POSITIVE_INFINITY;
    const left = this.#store.removeMessages(
      names,
      (message, room) =>
        message.receivedAtMs < beforeMs ||
        (message.sequence < room.head && room.bytes > targetBytes),
      budget,
    );
    for (const name of left) {
      this.#dueRooms.add(name);
    }
  }
}
