/** A user came to a room or left it. */
export interface PresenceEvent {
  readonly type: "join" | "leave";
  readonly user: string;
  readonly atMs: number;
}

interface Member {
  subscriptions: number;
  leaving: NodeJS.Timeout | undefined;
}

/** How many events are kept for readers that are slow to take them. */
const maxEvents = 256;

/**
 * Who is in a room: the users with an open subscription. A user joins with the
 * first one and leaves a grace period after the last one closes, so that a
 * reconnect is silent.
 */
export class Presence {
  readonly #graceMs: number;
  readonly #onEvent: () => void;
  readonly #members = new Map<string, Member>();
  #events: PresenceEvent[] = [];
  #eventCount = 0;

  constructor(graceMs: number, onEvent: () => void) {
    this.#graceMs = graceMs;
    this.#onEvent = onEvent;
  }

  /** How many events there have been: where a reader that wants the next ones starts. */
  get eventCount(): number {
    return this.#eventCount;
  }

  get memberCount(): number {
    return this.#members.size;
  }

  members(): string[] {
    return [...this.#members.keys()].sort();
  }

  /** The first event kept at or after an index, and the index after it. */
  eventAt(index: number): { event: PresenceEvent; next: number } | undefined {
    const first = this.#eventCount - this.#events.length;
    const at = Math.max(index, first);
    const event = this.#events[at - first];
    return event && { event, next: at + 1 };
  }

  enter(user: string): void {
    const member = this.#members.get(user);
    if (!member) {
      this.#members.set(user, { subscriptions: 1, leaving: undefined });
      this.#emit("join", user);
      return;
    }
    clearTimeout(member.leaving);
    member.leaving = undefined;
    member.subscriptions += 1;
  }

  leave(user: string): void {
    const member = this.#members.get(user);
    if (!member) {
      return;
    }
    member.subscriptions -= 1;
    if (member.subscriptions === 0) {
      member.leaving = setTimeout(() => {
        this.#members.delete(user);
        this.#emit("leave", user);
      }, this.#graceMs);
      member.leaving.unref();
    }
  }

  #emit(type: PresenceEvent["type"], user: string): void {
    this.#events.push({ type, user, atMs: Date.now() });
    this.#events = this.#events.slice(-maxEvents);
    this.#eventCount += 1;
    this.#onEvent();
  }
}
