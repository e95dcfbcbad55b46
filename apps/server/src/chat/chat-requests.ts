import { toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { batchesOf } from "@parley/host/frame-stream";
import { type Message, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import { AppendPipeline } from "../log/append-pipeline.ts";
import { toRecord } from "../log/payload.ts";
import type { ChatAnswers } from "./chat-answers.ts";
import { type ChatContext, resolvePosition } from "./chat-context.ts";
import { checkChatMessage } from "./check-chat-message.ts";
import { encodeEcho } from "./encode-echo.ts";
import type { JoinedRooms } from "./joined-rooms.ts";
import { welcome } from "./server-messages.ts";
import { invalidMessage } from "./service-errors.ts";

/** How many rooms one stream may receive, as the contract says: each costs a cursor. */
const maxRooms = 1_000;

/** What the caller of one Chat stream sends: it is done in order, and answered in order. */
export class ChatRequests {
  readonly #context: ChatContext;
  readonly #answers: ChatAnswers;
  readonly #rooms: JoinedRooms;
  readonly #appends: AppendPipeline<Message>;
  readonly #failed = Promise.withResolvers<never>();
  #handling: Promise<void> | undefined;
  /** Messages taken so far. */
  #count = 0;
  #isClosed = false;

  constructor(context: ChatContext, answers: ChatAnswers, rooms: JoinedRooms) {
    this.#context = context;
    this.#answers = answers;
    this.#rooms = rooms;
    this.#appends = new AppendPipeline(context.log, (message, { sequence }) =>
      answers.push(encodeEcho(message, sequence)),
    );
  }

  /**
   * Does what the messages ask for. Resolves when the caller has half-closed and everything is
   * answered. Once the server drains, messages are taken no more: then it does not settle.
   *
   * @throws ConnectError or MessageLogError as soon as a message cannot be done; those before it
   * are answered then.
   */
  async run(messages: AsyncIterable<Message>): Promise<void> {
    await Promise.race([this.#readAll(messages), this.#failed.promise]);
  }

  /** Resolves when everything that was taken is answered, or has failed. */
  async settle(): Promise<void> {
    try {
      await this.#handling;
      await this.#appends.flush();
    } catch {
      // Whoever has called `run` is told.
    }
  }

  /** Does nothing more. */
  close(): void {
    this.#isClosed = true;
  }

  async #readAll(messages: AsyncIterable<Message>): Promise<void> {
    try {
      for await (const batch of batchesOf(messages)) {
        if (this.#context.drain.hasBegun) {
          return await new Promise<never>(() => {});
        }
        this.#handling = this.#handleBatch(batch);
        await this.#handling;
        if (this.#isClosed) {
          return;
        }
        // What fails while the caller waits is told at once, not at its next message.
        this.#appends.flush().catch(this.#failed.reject);
      }
    } finally {
      await this.#appends.flush();
    }
  }

  async #handleBatch(batch: readonly Message[]): Promise<void> {
    for (const message of batch) {
      if (this.#isClosed) {
        return;
      }
      const pending = this.#handle(message);
      if (pending) {
        await pending;
      }
      if (this.#answers.isFull) {
        await this.#answers.untilTaken();
      }
    }
  }

  /** Does what one message asks for; returns a promise when the next one has to wait for that. */
  #handle(message: Message): Promise<void> | undefined {
    const index = this.#count;
    this.#count += 1;
    switch (message.type) {
      case MessageType.CHAT:
        checkChatMessage(message, index);
        return this.#appends.push(toRecord(message, Date.now()), message);
      case MessageType.JOIN:
        return this.#join(message);
      case MessageType.LEAVE:
        return this.#leave(message);
      default:
        throw invalidMessage(index, {
          field: "type",
          description: "must be CHAT, JOIN or LEAVE",
        });
    }
  }

  /** Joining a room again goes on where it is, unless the message names a position. */
  async #join(message: Message): Promise<void> {
    await this.#appends.flush();
    const { room, user, epoch, sequence } = message;
    const hasPosition = epoch !== "" || sequence > 0n;
    const current = this.#rooms.cursor(room);
    if (current && !hasPosition) {
      this.#answers.push(encodeEcho(message, current.position));
      return;
    }
    if (!current && this.#rooms.count >= maxRooms) {
      throw new ConnectError(
        `a Chat stream receives ${maxRooms} rooms at most: leave one, or open another stream`,
        Code.ResourceExhausted,
      );
    }
    const start = hasPosition ? await resolvePosition(this.#context, room, message, "") : "head";
    const joined = await this.#rooms.join(room, user, start);
    if (joined) {
      const { cursor, begin } = joined;
      this.#answers.push(encodeEcho(message, cursor.startedAfter));
      const greeting = welcome(cursor, user, this.#context.log.epoch);
      this.#answers.push(toBinary(MessageSchema, greeting), begin);
    }
  }

  async #leave(message: Message): Promise<void> {
    await this.#appends.flush();
    this.#rooms.leave(message.room);
    this.#answers.push(encodeEcho(message, 0));
  }
}
