import type { CommittedBatch, Follower } from "./message-log.ts";

/** Those who follow the rooms of a log. */
export class Followers {
  readonly #onError: (error: unknown) => void;
  readonly #followers = new Map<string, Set<Follower>>();

  /** @param onError - told what a follower threw; it must not throw itself */
  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Adds a follower of a room, and returns a function that removes it. */
  add(room: string, follower: Follower): () => void {
    // Whoever adds the same function twice is called twice.
    const added: Follower = (batch) => follower(batch);
    const followers = this.#followers.get(room) ?? new Set();
    this.#followers.set(room, followers.add(added));
    return () => {
      followers.delete(added);
      if (followers.size === 0 && this.#followers.get(room) === followers) {
        this.#followers.delete(room);
      }
    };
  }

  /**
   * Hands a batch to each follower of a room, if there are any: only then it is made. What
   * one of them throws is no other's concern, nor the caller's.
   */
  deliver(room: string, makeBatch: () => CommittedBatch): void {
    const followers = this.#followers.get(room);
    if (!followers) {
      return;
    }
    try {
      const batch = makeBatch();
      // Those who come while it is handed out get what is committed from then on.
      for (const follower of [...followers]) {
        if (followers.has(follower)) {
          this.#tell(follower, batch);
        }
      }
    } catch (error) {
      this.#onError(error);
    }
  }

  #tell(follower: Follower, batch: CommittedBatch): void {
    try {
      follower(batch);
    } catch (error) {
      this.#onError(error);
    }
  }
}
