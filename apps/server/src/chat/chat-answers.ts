import { toBinary } from "@bufbuild/protobuf";
import { frameMessages } from "@parley/host/envelope";
import { type Message, MessageSchema } from "@parley/proto/chat/v1";
import type { FramesToWrite } from "../log/frames.ts";
import type { TurnTaker } from "./fair-turns.ts";

/** How much may wait for a slow reader before its messages are read no further. */
const maxWaitingAnswers = 1_024;
const maxWaitingBytes = 1024 * 1024;

/** A write takes no more than this, one answer aside: rooms have their turn in between. */
const maxWriteBytes = 64 * 1024;

interface Answer {
  readonly message: Message;
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

  /** @param onTaken - called when the message is about to be written */
  push(message: Message, onTaken?: () => void): void {
    this.#waiting.push({ message, onTaken });
    this.#bytes += message.content.length;
    this.#onChange();
  }

  /** Takes the oldest answers, encoded and framed together. */
  take(): FramesToWrite | undefined {
    const encoded: Uint8Array[] = [];
    let bytes = 0;
    for (const { message, onTaken } of this.#waiting) {
      const answer = toBinary(MessageSchema, message);
      if (encoded.length > 0 && bytes + answer.byteLength > maxWriteBytes) {
        break;
      }
      encoded.push(answer);
      bytes += answer.byteLength;
      this.#bytes -= message.content.length;
      onTaken?.();
    }
    this.#waiting =
      encoded.length === this.#waiting.length ? [] : this.#waiting.slice(encoded.length);
    if (!this.isFull) {
      this.#letGoOn();
    }
    return encoded.length > 0
      ? { bytes: frameMessages(encoded), messageCount: encoded.length }
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
