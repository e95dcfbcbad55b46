import { create } from "@bufbuild/protobuf";
import type { Client, ConnectError } from "@connectrpc/connect";
import { type ChatService, type Message, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import { type Backoff, createBackoff } from "./backoff.ts";
import { callListener } from "./call-listener.ts";
import { callOptions, noDeadlineMs } from "./call-options.ts";
import type { ResolvedOptions } from "./chat-client-options.ts";
import { delay } from "./delay.ts";
import { clientError, PositionOutOfRangeError } from "./errors.ts";
import { randomKey } from "./idempotency-key.ts";
import { isRetryable } from "./is-retryable.ts";
import { type MessageStream, watchStream } from "./message-stream.ts";
import { createPushQueue, type PushQueue } from "./push-queue.ts";
import { askForHead, findHead } from "./room-head.ts";
import { SharedRoom } from "./shared-room.ts";
import type {
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
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  #state: SharedStreamState = { name: "idle" };
  /** What is to be said on the stream that is open, if one is. */
  #requests: PushQueue<Message> | undefined;
  #stream: MessageStream | undefined;
  #wait = new AbortController();

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
    this.#backoff = createBackoff(options.backoff);
  }

  get state(): SharedStreamState {
    return this.#state;
  }

  subscribe(request: SharedSubscriptionRequest): SharedSubscription {
    checkName("room", request.room);
    if (this.#stop.signal.aborted) {
      throw new TypeError("the stream is closed");
    }
    if (this.#rooms.has(request.room)) {
      throw new TypeError(`"${request.room}" is subscribed to already`);
    }
    if (request.after?.epoch === "") {
      throw new TypeError("on a Chat stream a position has an epoch");
    }
    const room = new SharedRoom(request, (after) =>
      findHead(
        this.#client,
        this.#options,
        request.room,
        after,
        this.#stream?.signal ?? this.#stop.signal,
      ),
    );
    this.#rooms.set(room.room, room);
    if (this.#requests) {
      this.#requests.push(room.join(this.#user));
    } else if (this.#state.name === "waiting") {
      room.enter(this.#state);
    } else if (this.#state.name === "idle") {
      void this.#run();
    }
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

  retryNow(): void {
    this.#wait.abort();
  }

  close(): void {
    this.#end();
  }

  async #run(): Promise<void> {
    const stopped = this.#stop.signal;
    while (!stopped.aborted) {
      const stream = this.#open();
      let failure: ConnectError;
      try {
        for (let isOpen = false; ; isOpen = true) {
          const message = await stream.next();
          if (!isOpen) {
            this.#enter({ name: "open" });
          }
          this.#take(message);
        }
      } catch (reason) {
        failure = clientError(reason);
      } finally {
        stopped.removeEventListener("abort", stream.cancel);
        stream.cancel();
        this.#requests?.close();
        this.#requests = undefined;
      }
      await this.#recover(failure);
    }
  }

  #open(): MessageStream {
    this.#enter({ name: "connecting" });
    const requests = createPushQueue<Message>();
    this.#requests = requests;
    for (const room of this.#rooms.values()) {
      requests.push(room.join(this.#user));
    }
    const stream = watchStream(silenceMs, (signal) =>
      this.#client.chat(requests, callOptions(signal, noDeadlineMs)),
    );
    this.#stream = stream;
    this.#stop.signal.addEventListener("abort", stream.cancel);
    return stream;
  }

  #take(message: Message): void {
    const isOfServer = message.type === MessageType.SYSTEM;
    if (isOfServer && message.room === "") {
      // The sign of life. The stream did more than open: the next failure is the first of its kind.
      this.#backoff.reset();
      return;
    }
    const room = this.#rooms.get(message.room);
    if (!room) {
      return;
    }
    try {
      if (isOfServer && message.id.startsWith("echo_")) {
        room.takeEcho(message.id);
      } else {
        room.take(message);
      }
    } catch (reason) {
      this.#drop(room, clientError(reason));
      return;
    }
  }

  /** Waits for the time of the next stream, or closes what another stream cannot mend. */
  async #recover(error: ConnectError): Promise<void> {
    if (this.#stop.signal.aborted) {
      return;
    }
    if (error instanceof PositionOutOfRangeError && (await this.#dropOutOfRange())) {
      return;
    }
    if (!isRetryable(error) && !(error instanceof PositionOutOfRangeError)) {
      this.#end(error);
      return;
    }
    const waitMs = this.#backoff.next(error);
    const waiting = { name: "waiting", retryAtMs: Date.now() + waitMs, error } as const;
    this.#wait = new AbortController();
    this.#enter(waiting);
    for (const room of this.#rooms.values()) {
      room.enter(waiting);
    }
    await delay(waitMs, AbortSignal.any([this.#stop.signal, this.#wait.signal]));
  }

  /**
   * The error of the stream does not tell the room: each is asked for. True when
   * some were dropped, so that the rest can go on.
   */
  async #dropOutOfRange(): Promise<boolean> {
    const rooms = Array.from(this.#rooms.values());
    const options = callOptions(this.#stop.signal, this.#options.timeoutMs);
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
          const error = clientError(reason, this.#stop.signal);
          const isOutOfRange = error instanceof PositionOutOfRangeError;
          if (isOutOfRange) {
            this.#drop(room, error);
          }
          return isOutOfRange;
        }
      }),
    );
    return dropped.includes(true);
  }

  #drop(room: SharedRoom, error?: ConnectError): void {
    if (this.#rooms.get(room.room) !== room) {
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
    this.#stop.abort();
    for (const room of this.#rooms.values()) {
      room.close(error);
    }
    this.#rooms.clear();
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
