import { create } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { type Message, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import { AppendPipeline } from "../log/append-pipeline.ts";
import { toRecord } from "../log/payload.ts";
import type { Cursor, CursorReader } from "../rooms/cursor.ts";
import {
  type ChatContext,
  onEnding,
  resolvePosition,
  throwIfEnding,
  toConnectError,
} from "./chat-context.ts";
import { checkChatMessage } from "./check-chat-message.ts";
import { Notifier } from "./notifier.ts";
import { takeNext, welcome } from "./server-messages.ts";
import { invalidArgument } from "./service-errors.ts";

const aliveIntervalMs = 5_000;
/** How many answers may wait for a slow reader before its messages are read no further. */
const maxUnsentAnswers = 256;

/** One Chat stream: what its caller says is answered in order, the rooms it joined are merged in. */
export class ChatSession {
  readonly #context: ChatContext;
  readonly #signal: AbortSignal;
  readonly #notifier = new Notifier();
  readonly #answersTaken = new Notifier();
  readonly #reader: CursorReader = { onChange: this.#notifier.notify };
  readonly #cursors = new Map<string, Cursor>();
  readonly #appends: AppendPipeline<Message>;
  #answers: Message[] = [];
  #inputEnd: { readonly error?: unknown } | undefined;

  constructor(context: ChatContext, signal: AbortSignal) {
    this.#context = context;
    this.#signal = signal;
    this.#appends = new AppendPipeline(context.log, (message, { sequence }) =>
      this.#answer(echo(message, sequence)),
    );
  }

  /** What the server sends, until the caller half-closes and has all answers. */
  async *run(input: AsyncIterable<Message>): AsyncGenerator<Message> {
    const stopWaking = onEnding(this.#notifier.notify, this.#signal, this.#context);
    this.#read(input);
    let aliveAtMs = performance.now() + aliveIntervalMs;
    let flushed = false;
    try {
      for (;;) {
        const message = this.#takeAnswer() ?? (this.#inputEnd ? undefined : this.#takeFromRooms());
        if (message) {
          yield message;
        } else if (this.#inputEnd) {
          if ("error" in this.#inputEnd) {
            throw this.#inputEnd.error;
          }
          return;
        } else if (this.#context.drain.hasBegun && !flushed) {
          // What is being appended is still acknowledged.
          await this.#appends.flush();
          flushed = true;
        } else {
          const cursors = [...this.#cursors.values()];
          throwIfEnding(
            this.#signal,
            this.#context,
            cursors.every(({ caughtUp }) => caughtUp),
          );
          await this.#notifier.wait(aliveAtMs - performance.now());
        }
        if (performance.now() >= aliveAtMs) {
          aliveAtMs = performance.now() + aliveIntervalMs;
          yield alive();
        }
      }
    } catch (error) {
      throw toConnectError(error, this.#context);
    } finally {
      stopWaking();
      this.#inputEnd ??= {};
      this.#answersTaken.notify();
      for (const cursor of this.#cursors.values()) {
        cursor.close();
      }
    }
  }

  #takeAnswer(): Message | undefined {
    const answer = this.#answers.shift();
    if (answer) {
      this.#answersTaken.notify();
    }
    return answer;
  }

  #takeFromRooms(): Message | undefined {
    for (const [room, cursor] of this.#cursors) {
      const message = takeNext(cursor, this.#context.metrics);
      if (message) {
        // The next turn is another room's.
        this.#cursors.delete(room);
        this.#cursors.set(room, cursor);
        return message;
      }
    }
    return undefined;
  }

  #answer(message: Message): void {
    this.#answers.push(message);
    this.#notifier.notify();
  }

  async #read(input: AsyncIterable<Message>): Promise<void> {
    let end: { error?: unknown } = {};
    try {
      for await (const message of input) {
        await this.#handle(message);
        while (this.#answers.length >= maxUnsentAnswers && !this.#inputEnd) {
          await this.#answersTaken.wait();
        }
        if (this.#inputEnd) {
          return;
        }
      }
    } catch (error) {
      end = { error };
    }
    try {
      await this.#appends.flush();
    } catch (error) {
      end = { error };
    }
    this.#inputEnd ??= end;
    this.#notifier.notify();
  }

  async #handle(message: Message): Promise<void> {
    switch (message.type) {
      case MessageType.CHAT:
        checkChatMessage(message);
        await this.#appends.push(toRecord(message, Date.now()), message);
        return;
      case MessageType.JOIN:
        await this.#appends.flush();
        await this.#join(message);
        return;
      case MessageType.LEAVE:
        await this.#appends.flush();
        this.#leave(message.room);
        this.#answer(echo(message, 0));
        return;
      default:
        throw invalidArgument({ field: "type", description: "must be CHAT, JOIN or LEAVE" });
    }
  }

  /** Joining a room again goes on where it is, unless the message names a position. */
  async #join(message: Message): Promise<void> {
    const { room, user, epoch, sequence } = message;
    const named = epoch !== "" || sequence > 0n;
    const joined = this.#cursors.get(room);
    if (joined && !named) {
      this.#answer(echo(message, joined.position));
      return;
    }
    const start = named ? await resolvePosition(this.#context, room, message, "") : "head";
    const cursor = await this.#context.rooms.subscribe({
      room,
      user,
      start,
      presence: true,
      reader: this.#reader,
    });
    if (this.#inputEnd) {
      cursor.close();
      return;
    }
    this.#leave(room);
    this.#answer(echo(message, cursor.startedAfter));
    this.#answer(welcome(cursor, user, this.#context.log.epoch));
    this.#cursors.set(room, cursor);
  }

  #leave(room: string): void {
    this.#cursors.get(room)?.close();
    this.#cursors.delete(room);
  }
}

function echo({ id, content, room }: Message, sequence: number): Message {
  return create(MessageSchema, {
    id: `echo_${id}`,
    user: "Server",
    content: `Echo: ${content}`,
    room,
    timestamp: timestampNow(),
    type: MessageType.SYSTEM,
    sequence: BigInt(sequence),
  });
}

function alive(): Message {
  return create(MessageSchema, {
    id: `server_${Math.floor(Date.now() / 1_000)}`,
    user: "Server",
    content: "Server is alive!",
    timestamp: timestampNow(),
    type: MessageType.SYSTEM,
  });
}
