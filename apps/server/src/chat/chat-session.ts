import type { HandlerContext } from "@connectrpc/connect";
import { createFrameStream } from "@parley/host/create-frame-stream";
import type { FrameSink, FrameSource, FrameStream } from "@parley/host/frame-stream";
import { type Message, MessageSchema } from "@parley/proto/chat/v1";
import type { FramesToWrite } from "../log/frames.ts";
import { ChatAnswers } from "./chat-answers.ts";
import { type ChatContext, toConnectError } from "./chat-context.ts";
import { ChatRequests } from "./chat-requests.ts";
import { FairTurns, type TurnTaker } from "./fair-turns.ts";
import { JoinedRooms } from "./joined-rooms.ts";
import type { DrainListener } from "./server-drain.ts";
import { alive, frameOf } from "./server-messages.ts";

const aliveIntervalMs = 5_000;

/** Creates the responses of one call of Chat. */
export function createChatSession(
  context: ChatContext,
  messages: AsyncIterable<Message>,
  call: Pick<HandlerContext, "signal">,
): FrameStream<Message> {
  return createFrameStream(
    MessageSchema,
    (sink) => void new ChatSession(context, messages, sink),
    call,
  );
}

/**
 * Writes one Chat stream: the answers to its caller and the rooms that it joined take turns.
 * Whatever comes up in one turn of the event loop is written together.
 */
class ChatSession implements FrameSource, DrainListener {
  readonly #context: ChatContext;
  readonly #sink: FrameSink;
  readonly #turns = new FairTurns();
  readonly #answers: ChatAnswers;
  readonly #rooms: JoinedRooms;
  readonly #requests: ChatRequests;
  readonly #aliveTimer: NodeJS.Timeout;
  /** One for as long as it is not written: a slow reader need not be told twice. */
  readonly #aliveTaker: TurnTaker = { take: () => this.#takeAlive() };
  #isAliveDue = false;
  #isScheduled = false;
  /** Set when the caller's messages have come to their end. */
  #inputEnd: { readonly error?: unknown } | undefined;
  /** Whether all that was taken before the drain is answered. */
  #isSettled = false;
  #hasEnded = false;

  constructor(context: ChatContext, messages: AsyncIterable<Message>, sink: FrameSink) {
    this.#context = context;
    this.#sink = sink;
    this.#answers = new ChatAnswers(() => {
      this.#turns.add(this.#answers);
      this.#schedule();
    });
    this.#rooms = new JoinedRooms(context, this.#turns, () => this.#schedule());
    this.#requests = new ChatRequests(context, this.#answers, this.#rooms);
    this.#aliveTimer = setInterval(() => this.#sayAlive(), aliveIntervalMs);
    sink.source = this;
    context.drain.add(this);
    if (context.drain.hasBegun) {
      this.onServerDrain();
    }
    this.#requests.run(messages).then(
      () => this.#onInputEnd({}),
      (error) => this.#onInputEnd({ error }),
    );
  }

  onDrain(): void {
    this.#pump();
  }

  onServerDrain(): void {
    this.#requests.settle().then(() => {
      this.#isSettled = true;
      this.#schedule();
    });
  }

  onClose(): void {
    this.#close();
  }

  /** From then on only what is owed to the caller is written. */
  #onInputEnd(end: { readonly error?: unknown }): void {
    this.#inputEnd = end;
    this.#rooms.close();
    this.#schedule();
  }

  #sayAlive(): void {
    this.#isAliveDue = true;
    this.#turns.add(this.#aliveTaker);
    this.#schedule();
  }

  #takeAlive(): FramesToWrite | undefined {
    if (!this.#isAliveDue) {
      return undefined;
    }
    this.#isAliveDue = false;
    return { bytes: frameOf(alive()), messageCount: 1 };
  }

  #schedule(): void {
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      queueMicrotask(() => {
        this.#isScheduled = false;
        this.#pump();
      });
    }
  }

  #pump(): void {
    try {
      while (!this.#hasEnded && !this.#sink.isFull) {
        const frames = this.#turns.take();
        if (!frames) {
          this.#endIfDue();
          return;
        }
        this.#sink.write(frames.bytes, frames.messageCount);
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Ends the stream when it has nothing more to write and none is to come. */
  #endIfDue(): void {
    if (this.#inputEnd) {
      if ("error" in this.#inputEnd) {
        throw this.#inputEnd.error;
      }
      this.#close();
      this.#sink.end();
    } else if (this.#isSettled && this.#rooms.areCaughtUp) {
      this.#context.drain.throwIfBegun();
    }
  }

  #fail(error: unknown): void {
    this.#close();
    this.#sink.fail(toConnectError(error, this.#context));
  }

  #close(): void {
    this.#hasEnded = true;
    this.#sink.source = undefined;
    this.#context.drain.delete(this);
    clearInterval(this.#aliveTimer);
    this.#requests.close();
    this.#rooms.close();
    this.#answers.close();
  }
}
