import type { FramesToWrite } from "../log/frames.ts";

/** One of several that write to the same stream. */
export interface TurnTaker {
  /** Takes what it is to write next: one piece, of bounded size; undefined when nothing is at hand. */
  take(): FramesToWrite | undefined;
}

/**
 * Whose turn it is to write to a stream. Everybody who has something gets one turn before
 * anybody gets a second one; who has nothing costs nothing.
 */
export class FairTurns {
  readonly #waiting = new Set<TurnTaker>();

  /** Lines one up who may have something; at its place if it stands in the line already. */
  add(taker: TurnTaker): void {
    this.#waiting.add(taker);
  }

  delete(taker: TurnTaker): void {
    this.#waiting.delete(taker);
  }

  /** Whether nobody has anything. */
  get isIdle(): boolean {
    return this.#waiting.size === 0;
  }

  /**
   * Takes what the next one has, who then goes to the end of the line.
   *
   * @throws what the taker throws
   */
  take(): FramesToWrite | undefined {
    for (const taker of this.#waiting) {
      this.#waiting.delete(taker);
      const frames = taker.take();
      if (frames) {
        this.#waiting.add(taker);
        return frames;
      }
    }
    return undefined;
  }
}
