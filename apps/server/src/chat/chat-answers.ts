import { frameMessages } from "@parley/host/envelope";
import type { FramesToWrite } from "../log/frames.ts";
import type { TurnTaker } from "./fair-turns.ts";

/** How much may wait for a slow reader before its messages are read no further. */
const maxWaitingAnswers = 1_024;
const maxWaitingBytes = 1024 * 1024;

/** A write takes no more than this, one answer aside: rooms have their turn in between. */
const maxWriteBytes = 64 * 1024;

interface Answer {
  readonly bytes: Uint8Array;
  readonly onTaken: (() => void) | undefined;
}

/** The answers of one Chat stream that are not written yet, in order. */
export class ChatAnswers implements TurnTaker {
  readonly #onChange: () => void;
  #waiting: Answer[] = [];
  #bytes = 0;
  #isClosed = false;
  #taken: PromiseWithResolvers<void> | undefined;

  /** @param onChange - called when there is something to take */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** Whether so much waits that no more should be asked for. */
  get isFull(): boolean {
    return (
      !this.#isClosed &&
      (this.#waiting.length >= maxWaitingAnswers || this.#bytes >= maxWaitingBytes)
    );
  }

  /**
   * @param bytes - a message in wire form
   * @param onTaken - called when it is about to be written
   */
  push(bytes: Uint8Array, onTaken?: () => void): void {
    this.#waiting.push({ bytes, onTaken });
    this.#bytes += bytes.byteLength;
    this.#onChange();
  }

  /** Takes the oldest answers, framed together. */
  take(): FramesToWrite | undefined {
    const taken: Uint8Array[] = [];
    let takenBytes = 0;
    for (const { bytes, onTaken } of this.#waiting) {
      if (taken.length > 0 && takenBytes + bytes.byteLength > maxWriteBytes) {
        break;
      }
      taken.push(bytes);
      takenBytes += bytes.byteLength;
      onTaken?.();
    }
    this.#waiting = taken.length === this.#waiting.length ? [] : this.#waiting.slice(taken.length);
    this.#bytes -= takenBytes;
    if (!this.isFull) {
      this.#letGoOn();
    }
    return taken.length > 0
      ? { bytes: frameMessages(taken), messageCount: taken.length }
      : undefined;
  }

  /** Resolves when there is room for more, or the answers are closed. */
  async untilTaken(): Promise<void> {
    if (this.isFull) {
      this.#taken ??= Promise.withResolvers();
      await this.#taken.promise;
    }
  }

  /** Forgets all answers: nobody takes them any more. */
  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
    this.#letGoOn();
  }

  #letGoOn(): void {
    this.#taken?.resolve();
    this.#taken = undefined;
  }
}
