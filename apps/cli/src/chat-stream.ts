import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ChatClient } from "@parley/client";
import { type Message, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import { createQueue, type Queue } from "./queue.ts";

/** How a chat stream is set up. */
export interface ChatStreamOptions {
  readonly client: Pick<ChatClient, "chat">;
  readonly user: string;
  readonly signal: AbortSignal;
  /** Gets each message of the joined rooms once, in order, and the epoch of its sequence. */
  readonly onMessage: (message: Message, epoch: string) => void;
  /** Gets the reason each time the connection is lost, and undefined once it is back. */
  readonly onConnectionChange: (lost: ConnectError | undefined) => void;
}

/** A conversation in several rooms over one Chat stream, which is opened again when it breaks. */
export interface ChatStream {
  /** The rooms joined, by the time they were. */
  rooms(): string[];
  /** Receives a room from now on. Resolves when the server says so. */
  join(room: string): Promise<void>;
  /** Receives a room no longer. Resolves when the server says so. */
  leave(room: string): Promise<void>;
  /** Sends a message. Resolves when it is on the server's disk and, in a joined room, was received. */
  say(room: string, content: string): Promise<void>;
  /** Ends the conversation after what was asked for before. */
  end(): void;
  /** Resolves after the end; rejects with what cannot be mended by connecting again. */
  readonly ended: Promise<void>;
}

interface Pending {
  readonly message: Message;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

interface JoinedRoom {
  epoch: string;
  /** Of the last message received: where to resume after. */
  sequence: bigint;
  /** What waits for a message of this room, in order of sequence. */
  readonly awaited: { readonly sequence: bigint; readonly resolve: () => void }[];
}

const firstRetryMs = 200;
const maxRetryMs = 5_000;

/** Opens a chat stream. What cannot be reached at first is not tried again. */
export function openChatStream(options: ChatStreamOptions): ChatStream {
  const rooms = new Map<string, JoinedRoom>();
  const unanswered = new Map<string, Pending>();
  let requests: Queue<Message> = createQueue();
  let ending = false;

  const ask = (room: string, type: MessageType, content: string) =>
    new Promise<void>((resolve, reject) => {
      const id = randomUUID();
      const message = create(MessageSchema, {
        id,
        user: options.user,
        content,
        room,
        type,
        // The same after a reconnect: what was stored but not answered is not stored twice.
        ...(type === MessageType.CHAT && { idempotencyKey: id }),
      });
      unanswered.set(id, { message, resolve, reject });
      requests.push(message);
    });

  const isDone = () => ending && unanswered.size === 0;
  const done = new AbortController();
  const closeWhenDone = () => {
    if (isDone()) {
      requests.close();
      done.abort();
    }
  };
  /** Waits before the next try, but not when there is nothing left to try for. */
  const pause = async (ms: number) => {
    try {
      const signal = AbortSignal.any([options.signal, done.signal]);
      await delay(ms, undefined, { signal });
    } catch {
      options.signal.throwIfAborted();
    }
  };

  const answer = (echo: Message) => {
    const id = echo.id.slice(echoPrefix.length);
    const pending = unanswered.get(id);
    if (!pending) {
      return;
    }
    unanswered.delete(id);
    const { room, type } = pending.message;
    const joined = rooms.get(room);
    if (type === MessageType.LEAVE) {
      rooms.delete(room);
      joined?.awaited.forEach(({ resolve }) => {
        resolve();
      });
    }
    if (type === MessageType.CHAT && joined && joined.sequence < echo.sequence) {
      joined.awaited.push({ sequence: echo.sequence, resolve: pending.resolve });
    } else {
      pending.resolve();
    }
    closeWhenDone();
  };

  const receive = (message: Message) => {
    if (message.type === MessageType.SYSTEM && message.id.startsWith(echoPrefix)) {
      answer(message);
      return;
    }
    if (message.type === MessageType.SYSTEM && message.id === "system" && message.epoch !== "") {
      const joined = rooms.get(message.room);
      if (joined) {
        joined.epoch = message.epoch;
        joined.sequence = message.sequence;
        return;
      }
      rooms.set(message.room, { epoch: message.epoch, sequence: message.sequence, awaited: [] });
      options.onMessage(message, message.epoch);
      return;
    }
    const joined = rooms.get(message.room);
    if (!joined || message.type === MessageType.SYSTEM) {
      return;
    }
    options.onMessage(message, joined.epoch);
    joined.sequence = message.sequence;
    while (joined.awaited[0] && joined.awaited[0].sequence <= message.sequence) {
      joined.awaited.shift()?.resolve();
    }
  };

  const startAgain = () => {
    requests.close();
    requests = createQueue();
    for (const [room, { epoch, sequence }] of rooms) {
      requests.push(
        create(MessageSchema, {
          id: randomUUID(),
          user: options.user,
          room,
          type: MessageType.JOIN,
          epoch,
          sequence,
        }),
      );
    }
    for (const { message } of unanswered.values()) {
      requests.push(message);
    }
    closeWhenDone();
  };

  const run = async () => {
    let everReceived = false;
    for (let retryMs = firstRetryMs; ; retryMs = Math.min(retryMs * 2, maxRetryMs)) {
      let lost = new ConnectError("the server ended the stream", Code.Unavailable);
      let received = false;
      try {
        for await (const message of options.client.chat(requests, { signal: options.signal })) {
          if (!received) {
            received = true;
            retryMs = firstRetryMs;
            if (everReceived) {
              options.onConnectionChange(undefined);
            }
            everReceived = true;
          }
          receive(message);
        }
        if (options.signal.aborted || isDone()) {
          return;
        }
      } catch (error) {
        lost = ConnectError.from(error);
        if (options.signal.aborted || !everReceived || !canMend(lost)) {
          throw error;
        }
      }
      if (received) {
        options.onConnectionChange(lost);
      }
      await pause(retryMs * (0.5 + Math.random() / 2));
      if (isDone()) {
        return;
      }
      startAgain();
    }
  };

  const ended = run();
  const settleAll = (reason?: unknown) => {
    for (const { reject } of unanswered.values()) {
      reject(reason);
    }
    for (const { resolve } of [...rooms.values()].flatMap((room) => room.awaited)) {
      resolve();
    }
  };
  ended.then(settleAll, settleAll);

  return {
    rooms: () => [...rooms.keys()],
    join: (room) => ask(room, MessageType.JOIN, ""),
    leave: (room) => ask(room, MessageType.LEAVE, ""),
    say: (room, content) => ask(room, MessageType.CHAT, content),
    end: () => {
      ending = true;
      closeWhenDone();
    },
    ended,
  };
}

const echoPrefix = "echo_";

/** Whether connecting again may help: the connection was lost, not the request refused. */
function canMend(error: ConnectError): boolean {
  switch (error.code) {
    case Code.Unavailable:
    // What connect-node makes of a connection that was closed or reset.
    case Code.Aborted:
    case Code.Canceled:
      return true;
    // Of the server itself these have headers or trailers; of a broken stream they have none.
    default:
      return error.cause !== undefined || error.metadata.keys().next().done === true;
  }
}
