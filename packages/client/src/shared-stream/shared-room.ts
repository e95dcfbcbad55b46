import { create } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { type Message, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import type { Position } from "../position/position.ts";
import { randomKey } from "../send/random-key.ts";
import { callListener } from "../streams/call-listener.ts";
import { type CatchUp, createCatchUp } from "../subscription/catch-up.ts";
import { type Cursor, createCursor } from "../subscription/cursor.ts";
import type { SubscriptionState } from "../subscription/subscription.ts";
import type { SharedSubscriptionRequest } from "./shared-stream.ts";

type FindHead = (after: Position) => Promise<bigint | undefined>;

/** One room of a shared stream: what it asks the server for, and what it makes of the answers. */
export class SharedRoom {
  readonly room: string;
  readonly cursor: Cursor;
  readonly #request: SharedSubscriptionRequest;
  #state: SubscriptionState = { name: "connecting" };
  /** The id of the JOIN of this stream. What comes before its echo is of an earlier one. */
  #joinId = "";
  #phase: "joining" | "answered" | "reading" = "joining";
  #resumed = false;
  readonly #findHead: FindHead;
  readonly #catchUp: CatchUp;

  /** @param findHead - asks for the newest message of this room, what to catch up with */
  constructor(request: SharedSubscriptionRequest, findHead: FindHead) {
    this.room = request.room;
    this.#request = request;
    this.#findHead = findHead;
    this.cursor = createCursor(request.after, true);
    this.#catchUp = createCatchUp(
      () => this.cursor.position,
      () => this.enter({ name: "live" }),
    );
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  /** The message that makes a new stream receive this room. */
  join(user: string): Message {
    this.#joinId = randomKey();
    this.#phase = "joining";
    this.enter({ name: "connecting" });
    const { position } = this.cursor;
    this.#resumed = position !== undefined;
    return create(MessageSchema, {
      id: this.#joinId,
      user,
      room: this.room,
      type: MessageType.JOIN,
      ...(position && { epoch: position.epoch, sequence: position.sequence }),
    });
  }

  /** Takes the id of an echo, which may be that of something else than the JOIN. */
  takeEcho(id: string): void {
    if (id === `echo_${this.#joinId}`) {
      this.#phase = "answered";
    }
  }

  /** Takes a message of the room. Throws for a welcome that cannot be resumed from. */
  take(message: Message): void {
    if (this.#phase === "joining") {
      return;
    }
    if (this.#phase === "answered") {
      this.cursor.welcome(message);
      this.#phase = "reading";
      this.enter({ name: this.#resumed ? "catching-up" : "live" });
      if (this.#resumed) {
        this.#catchUp.begin(this.#findHead(this.cursor.position as Position));
      }
      return;
    }
    if (this.cursor.accept(message)) {
      callListener(() => this.#request.onMessage(message));
    }
    this.#catchUp.check();
  }

  close(error?: ConnectError): void {
    this.enter(error ? { name: "closed", error } : { name: "closed" });
  }

  enter(state: SubscriptionState): void {
    const isSame = state.name === "connecting" && this.#state.name === "connecting";
    if (this.#state.name === "closed" || isSame) {
      return;
    }
    this.#state = state;
    // The head was asked for in the state that is left.
    this.#catchUp.end();
    callListener(() => this.#request.onStateChange?.(state));
  }
}
