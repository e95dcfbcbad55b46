import { Code, ConnectError } from "@connectrpc/connect";
import {
  type ChatClient,
  type ListMessagesResponse,
  type Message,
  MessageType,
  type Position,
  PositionOutOfRangeError,
  type SharedStream,
  type SharedSubscription,
  type SubscriptionState,
} from "@parley/client";
import { createOutbox, type Outbox } from "./outbox.ts";
import type { PresenceChanges } from "./presence-changes.ts";
import { emptyRoom, keptMessages, type RoomSnapshot, trimOldest } from "./room-snapshot.ts";
import { createStore, type Store } from "./store.ts";

/** What a room needs of its session. */
export interface RoomContext {
  readonly client: ChatClient;
  readonly stream: SharedStream;
  readonly user: string;
  /** Told when somebody came or left, the user of this page included. */
  readonly onPresence: PresenceChanges["note"];
}

const firstPageSize = 60;
const olderPageSize = 200;
const reloadDelayMs = 2_000;
// Messages that come together are shown together: one frame's worth.
const flushDelayMs = 16;

/** One room, received live: its newest page first, and from there on without a hole. */
export class RoomStore {
  readonly room: string;
  readonly outbox: Outbox;
  readonly snapshot: Store<RoomSnapshot> = createStore(emptyRoom);
  /** Whether the newest message is in view: then old ones may be dropped. */
  isPinned = true;
  readonly #context: RoomContext;
  readonly #closing = new AbortController();
  #subscription: SharedSubscription | undefined;
  #received: Message[] = [];
  #flushTimer: ReturnType<typeof setTimeout> | undefined;
  #loadTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(context: RoomContext, room: string) {
    this.#context = context;
    this.room = room;
    this.outbox = createOutbox(context.client, { room, user: context.user });
    void this.#load();
  }

  /** The position of the newest message that is known. */
  get head(): Position {
    const { epoch, messages } = this.snapshot.get();
    return { epoch, sequence: messages.at(-1)?.sequence ?? 0n };
  }

  /** Loads the page before the oldest message, unless there is none or it is being loaded. */
  async loadOlder(): Promise<void> {
    const { epoch, messages, hasOlder, older } = this.snapshot.get();
    const [first] = messages;
    if (!hasOlder || older === "loading" || !first) {
      return;
    }
    this.#change({ older: "loading" });
    try {
      const page = await this.#page(olderPageSize, { epoch, sequence: first.sequence });
      const now = this.snapshot.get();
      // Not if it was started anew, or trimmed, meanwhile.
      if (now.epoch === epoch && now.messages[0] === first) {
        this.#change({
          messages: [...page.messages, ...now.messages],
          hasOlder: page.hasMore,
          older: "idle",
        });
      } else {
        this.#change({ older: "idle" });
      }
    } catch (error) {
      if (ConnectError.from(error).code === Code.OutOfRange) {
        this.#startOver();
      } else {
        this.#change({ older: "failed" });
      }
    }
  }

  /** Tries at once what waits for its time. */
  retryNow(): void {
    if (this.#loadTimer !== undefined) {
      clearTimeout(this.#loadTimer);
      this.#loadTimer = undefined;
      void this.#load();
    }
  }

  close(): void {
    this.#closing.abort();
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#loadTimer);
    this.#subscription?.close();
    this.outbox.close();
  }

  async #load(): Promise<void> {
    this.#change({ live: { name: "connecting" } });
    try {
      const page = await this.#page(firstPageSize);
      this.#settle(page.messages);
      this.#change({
        epoch: page.head?.epoch ?? "",
        messages: page.messages,
        hasOlder: page.hasMore,
        isLoaded: true,
        older: "idle",
      });
      this.#follow(page.head);
    } catch (reason) {
      this.#loadLater(ConnectError.from(reason));
    }
  }

  #loadLater(error: ConnectError): void {
    if (this.#closing.signal.aborted) {
      return;
    }
    this.#change({ live: { name: "waiting", retryAtMs: Date.now() + reloadDelayMs, error } });
    this.#loadTimer = setTimeout(() => this.retryNow(), reloadDelayMs);
  }

  #page(pageSize: number, before?: Position): Promise<ListMessagesResponse> {
    return this.#context.client.listMessages(
      { room: this.room, pageSize, before },
      { signal: this.#closing.signal },
    );
  }

  #follow(after: Position | undefined): void {
    if (this.#closing.signal.aborted) {
      return;
    }
    this.#subscription = this.#context.stream.subscribe({
      room: this.room,
      after,
      onMessage: (message) => this.#receive(message),
      onStateChange: (state) => this.#takeState(state),
    });
    this.#takeState(this.#subscription.state);
  }

  #takeState(live: SubscriptionState): void {
    if (this.#closing.signal.aborted) {
      return;
    }
    if (live.name === "closed" && live.error instanceof PositionOutOfRangeError) {
      this.#startOver();
      return;
    }
    // What came before it shows before it does: "live" is said of what can be seen.
    this.#flush();
    this.#change({ live });
    if (live.name === "live") {
      this.#context.onPresence({ room: this.room, user: this.#context.user, isHere: true });
    }
  }

  /** The log does not hold what follows the messages shown: they go, and the newest come. */
  #startOver(): void {
    this.#subscription?.close();
    this.#subscription = undefined;
    this.#received = [];
    this.#change({ messages: [], hasOlder: false, isLoaded: false, wasReset: true });
    void this.#load();
  }

  #receive(message: Message): void {
    if (message.type === MessageType.JOIN || message.type === MessageType.LEAVE) {
      const isHere = message.type === MessageType.JOIN;
      this.#context.onPresence({ room: this.room, user: message.user, isHere });
      return;
    }
    this.#received.push(message);
    this.#flushTimer ??= setTimeout(() => this.#flush(), flushDelayMs);
  }

  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    if (this.#received.length === 0) {
      return;
    }
    const received = this.#received;
    this.#received = [];
    this.#settle(received);
    this.#change({ messages: this.snapshot.get().messages.concat(received) });
    if (this.isPinned && this.snapshot.get().messages.length > keptMessages.atMost) {
      // On its own: whoever shows the list can tell what was added at one end from
      // what was taken away at the other.
      setTimeout(() => {
        if (this.isPinned) {
          this.snapshot.set(trimOldest(this.snapshot.get()));
        }
      });
    }
  }

  #settle(messages: readonly Message[]): void {
    const { user } = this.#context;
    const own = messages.filter((message) => message.user === user && message.idempotencyKey);
    if (own.length > 0) {
      this.outbox.settle(new Set(own.map(({ idempotencyKey }) => idempotencyKey)));
    }
  }

  #change(change: Partial<RoomSnapshot>): void {
    if (!this.#closing.signal.aborted) {
      this.snapshot.set({ ...this.snapshot.get(), ...change });
    }
  }
}
