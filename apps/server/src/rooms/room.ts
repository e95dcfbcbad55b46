import type { CommittedBatch, MessageLog } from "../log/message-log.ts";
import type { CursorReader } from "./cursor.ts";
import { Presence } from "./presence.ts";
import { Tail, type TailBudget } from "./tail.ts";

export interface RoomOptions {
  readonly tailBytes: number;
  readonly tailBudget: TailBudget;
  readonly presenceGraceMs: number;
  /** Called when the room's tail has new messages, before its readers are. */
  readonly onMessages: (room: Room) => void;
  /** Called when somebody has come or gone, before the readers are told. */
  readonly onPresence: (room: Room) => void;
  /** Told what a reader threw: it concerns neither other readers nor the log. */
  readonly onReaderError: (error: unknown) => void;
}

/**
 * A room that is in use: its tail, who is in it, and who waits for its next message. It
 * follows the log until it is closed.
 */
export class Room {
  readonly name: string;
  readonly presence: Presence;
  /** Resolves when the room knows its place in the log; rejects with a MessageLogError. */
  readonly ready: Promise<void>;
  readonly #options: RoomOptions;
  readonly #readers = new Set<CursorReader>();
  /** Those of them who are told who comes and goes. */
  readonly #presenceReaders = new Set<CursorReader>();
  readonly #stopFollowing: () => void;
  #tail: Tail | undefined;
  #head = 0;
  #pins = 0;

  constructor(name: string, log: MessageLog, options: RoomOptions) {
    this.name = name;
    this.#options = options;
    this.presence = new Presence(options.presenceGraceMs, () => {
      options.onPresence(this);
      this.#notify(this.#presenceReaders);
    });
    this.#stopFollowing = log.follow(name, (batch) => this.#onCommitted(batch));
    this.ready = log.extent(name).then(({ head }) => {
      // A batch that came meanwhile has told as much.
      this.#tail ??= this.#startAfter(head);
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

  /** Stops following the log and lets go of the messages in memory. */
  close(): void {
    this.#stopFollowing();
    this.clearTail();
  }

  #startAfter(head: number): Tail {
    const { tailBytes, tailBudget } = this.#options;
    this.#head = head;
    return new Tail(head, tailBytes, tailBudget);
  }

  #onCommitted({ after, frames }: CommittedBatch): void {
    this.#tail ??= this.#startAfter(after);
    if (after > this.#head) {
      // Something is missing: readers find it in the log.
      this.#tail.clear(after);
    }
    for (const piece of frames) {
      // What was committed while the extent was being read may be part of it.
      const index = piece.indexAfter(this.#head);
      if (index < piece.messageCount) {
        this.#head = piece.lastSequence;
        this.#tail.push(piece.framesFrom(index));
      }
    }
    this.#options.onMessages(this);
    this.#notify(this.#readers);
  }
  #notify(readers: Iterable<CursorReader>): void {
    for (const reader of readers) {
      try {
        reader.onChange();
      } catch (error) {
        this.#options.onReaderError(error);
      }
    }
  }
}
