import { create } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { type ChatService, type Message, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import { callOptions, noDeadlineMs } from "../calls/call-options.ts";
import { clientError } from "../calls/client-error.ts";
import type { ResolvedOptions } from "../chat-client-options.ts";
import { askForHead, findHead } from "../pages/room-head.ts";
import type { Position } from "../position/position.ts";
import { PositionOutOfRangeError } from "../position/position-out-of-range-error.ts";
import { checkContentSize } from "../send/check-content-size.ts";
import { randomKey } from "../send/random-key.ts";
import { callListener } from "../streams/call-listener.ts";
import {
  type NextStream,
  ReconnectingStream,
  type Waiting,
} from "../streams/reconnecting-stream.ts";
import { type WatchedStream, watchStream } from "../streams/watched-stream.ts";
import { createPushQueue, type PushQueue } from "./push-queue.ts";
import { createSharedOutbox, echoPrefix } from "./shared-outbox.ts";
import { SharedRoom } from "./shared-room.ts";
import type {
  SharedMessage,
  SharedSendResult,
  SharedStream,
  SharedStreamOptions,
  SharedStreamState,
  SharedSubscription,
  SharedSubscriptionRequest,
} from "./shared-stream.ts";

/** The server says that it is alive every 5 seconds: one that missed two of them is gone. */
const silenceMs = 12_000;

/** A shared stream that goes on, on a new Chat stream, wherever the last one broke. */
export class ResumingSharedStream implements SharedStream {
  readonly #client: Client<typeof ChatService>;
  readonly #options: ResolvedOptions;
  readonly #user: string;
  readonly #onStateChange: SharedStreamOptions["onStateChange"];
  readonly #rooms = new Map<string, SharedRoom>();
  readonly #outbox = createSharedOutbox();
  readonly #messages: ReconnectingStream<Message>;
  #state: SharedStreamState = { name: "idle" };
  #stream: WatchedStream<Message> | undefined;
  /** What is to be said on the stream that is open, if one is. */
  #requests: PushQueue<Message> | undefined;

  constructor(
    client: Client<typeof ChatService>,
    options: ResolvedOptions,
    { user, onStateChange }: SharedStreamOptions,
  ) {
    checkName("user", user);
    this.#client = client;
    this.#options = options;
    this.#user = user;
    this.#onStateChange = onStateChange;
    this.#messages = new ReconnectingStream({
      backoff: options.backoff,
      open: () => this.#open(),
      onWaiting: (state) => this.#wait(state),
      mend: (error) => this.#mend(error),
    });
  }

  get state(): SharedStreamState {
    return this.#state;
  }

  subscribe(request: SharedSubscriptionRequest): SharedSubscription {
    checkName("room", request.room);
    this.#checkOpen();
    if (this.#rooms.has(request.room)) {
      throw new TypeError(`"${request.room}" is subscribed to already`);
    }
    if (request.after?.epoch === "") {
      throw new TypeError("on a Chat stream a position has an epoch");
    }
    const room = new SharedRoom(request, (after) => this.#findHead(request.room, after));
    this.#rooms.set(room.room, room);
    if (this.#requests) {
      this.#requests.push(room.join(this.#user));
    } else if (this.#state.name === "waiting") {
      room.enter(this.#state);
    }
    this.#start();
    return {
      room: room.room,
      get state() {
        return room.state;
      },
      get position() {
        return room.cursor.position;
      },
      close: () => this.#drop(room),
    };
  }

  async send(message: SharedMessage): Promise<SharedSendResult> {
    checkName("room", message.room);
    if (message.content === "") {
      throw new TypeError("a message has at least one character");
    }
    if ((message.idempotencyKey ?? "") !== "") {
      checkName("idempotency key", message.idempotencyKey ?? "");
    }
    checkContentSize(message.content);
    this.#checkOpen();
    const sent = this.#outbox.add(this.#user, message, (request) => this.#requests?.push(request));
    this.#start();
    return sent;
  }

  retryNow(): void {
    this.#messages.retryNow();
  }

  close(): void {
    this.#end();
  }

  #checkOpen(): void {
    if (this.#state.name === "closed") {
      throw new TypeError("the stream is closed");
    }
  }

  /** Opens the first stream, for what it is to carry. */
  #start(): void {
    if (this.#state.name === "idle") {
      void this.#run();
    }
  }

  async #run(): Promise<void> {
    try {
      for await (const message of this.#messages) {
        if (this.#state.name === "connecting") {
          this.#enter({ name: "open" });
        }
        this.#take(message);
      }
    } catch (reason) {
      this.#end(ConnectError.from(reason));
    }
  }

  #open(): WatchedStream<Message> {
    this.#enter({ name: "connecting" });
    const requests = createPushQueue<Message>(this.#outbox.noteTaken);
    this.#requests = requests;
    for (const room of this.#rooms.values()) {
      requests.push(room.join(this.#user));
    }
    for (const message of this.#outbox.unacknowledged()) {
      requests.push(message);
    }
    const stream = watchStream(silenceMs, (signal) =>
      this.#client.chat(requests, callOptions(signal, noDeadlineMs)),
    );
    this.#stream = stream;
    stream.signal.addEventListener("abort", () => {
      requests.close();
      if (this.#requests === requests) {
        this.#requests = undefined;
      }
    });
    return stream;
  }

  #take(message: Message): void {
    const isOfServer = message.type === MessageType.SYSTEM;
    if (isOfServer && message.room === "") {
      // The sign of life: the stream did more than open.
      this.#messages.resetBackoff();
      return;
    }
    const isEcho = isOfServer && message.id.startsWith(echoPrefix);
    if (isEcho && this.#outbox.takeEcho(message)) {
      return;
    }
    const room = this.#rooms.get(message.room);
    try {
      if (isEcho) {
        room?.takeEcho(message.id);
      } else {
        room?.take(message);
      }
    } catch (reason) {
      this.#drop(room, clientError(reason));
    }
  }

  #findHead(room: string, after: Position): Promise<bigint | undefined> {
    const signal = this.#stream?.signal ?? this.#messages.stopped;
    return findHead(this.#client, this.#options, room, after, signal);
  }

  #wait(state: Waiting): void {
    this.#outbox.rejectOlderThan(this.#options.retryForMs, state.error);
    this.#enter(state);
    for (const room of this.#rooms.values()) {
      room.enter(state);
    }
  }

  /**
   * Closes the rooms whose position is gone. The error of the stream does not tell which:
   * each is asked for. Where it is none of them, the next stream may fare better.
   */
  async #mend(error: ConnectError): Promise<NextStream> {
    if (!(error instanceof PositionOutOfRangeError)) {
      return "never";
    }
    const signal = this.#messages.stopped;
    const options = callOptions(signal, this.#options.timeoutMs);
    const rooms = Array.from(this.#rooms.values());
    const dropped = await Promise.all(
      rooms.map(async (room) => {
        const { position } = room.cursor;
        if (!position) {
          return false;
        }
        try {
          await askForHead(this.#client, room.room, position, options);
          return false;
        } catch (reason) {
          const error = clientError(reason, signal);
          const isOutOfRange = error instanceof PositionOutOfRangeError;
          if (isOutOfRange) {
            this.#drop(room, error);
          }
          return isOutOfRange;
        }
      }),
    );
    return dropped.includes(true) ? "at-once" : "in-time";
  }

  #drop(room: SharedRoom | undefined, error?: ConnectError): void {
    if (!room || this.#rooms.get(room.room) !== room) {
      return;
    }
    this.#rooms.delete(room.room);
    this.#requests?.push(
      create(MessageSchema, {
        id: randomKey(),
        user: this.#user,
        room: room.room,
        type: MessageType.LEAVE,
      }),
    );
    room.close(error);
  }

  #end(error?: ConnectError): void {
    this.#enter(error ? { name: "closed", error } : { name: "closed" });
    this.#messages.stop();
    for (const room of this.#rooms.values()) {
      room.close(error);
    }
    this.#rooms.clear();
    this.#outbox.rejectAll(error ?? new ConnectError("the stream was closed", Code.Canceled));
  }

  #enter(state: SharedStreamState): void {
    if (this.#state.name === "closed") {
      return;
    }
    this.#state = state;
    callListener(() => this.#onStateChange?.(state));
  }
}

// In the middle of the stream the server could only end all of it.
function checkName(field: string, name: string): void {
  const length = Array.from(name).length;
  if (length < 1 || length > 128) {
    throw new TypeError(`the name of a ${field} has 1 to 128 characters, got ${length}`);
  }
}
