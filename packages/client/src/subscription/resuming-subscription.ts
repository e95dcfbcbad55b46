import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { type Client, ConnectError } from "@connectrpc/connect";
import type { ChatService, Message } from "@parley/proto/chat/v1";
import { callOptions, noDeadlineMs } from "../calls/call-options.ts";
import type { ResolvedOptions } from "../chat-client-options.ts";
import { findHead } from "../pages/room-head.ts";
import type { Position } from "../position/position.ts";
import { callListener } from "../streams/call-listener.ts";
import { ReconnectingStream } from "../streams/reconnecting-stream.ts";
import { type WatchedStream, watchStream } from "../streams/watched-stream.ts";
import { type CatchUp, createCatchUp } from "./catch-up.ts";
import { type Cursor, createCursor } from "./cursor.ts";
import type {
  SubscribeOptions,
  SubscribeRequest,
  Subscription,
  SubscriptionState,
} from "./subscription.ts";

/** A subscription that goes on, on a new stream, wherever the last one broke. */
export class ResumingSubscription implements Subscription {
  readonly #client: Client<typeof ChatService>;
  readonly #options: ResolvedOptions;
  readonly #request: SubscribeRequest;
  readonly #signal: AbortSignal | undefined;
  readonly #onStateChange: SubscribeOptions["onStateChange"];
  readonly #messages: ReconnectingStream<Message>;
  readonly #cursor: Cursor;
  readonly #catchUp: CatchUp;
  #state: SubscriptionState = { name: "connecting" };
  #stream: WatchedStream<Message> | undefined;
  #isWelcomed = false;
  #isTaken = false;
  /** Whether the reader has not come back from the last message: it may not even have it yet. */
  #isYielding = false;

  constructor(
    client: Client<typeof ChatService>,
    options: ResolvedOptions,
    request: SubscribeRequest,
    { signal, onStateChange }: SubscribeOptions,
  ) {
    this.#client = client;
    this.#options = options;
    this.#request = request;
    this.#signal = signal;
    this.#onStateChange = onStateChange;
    this.#cursor = createCursor(request.after, request.presence ?? false);
    this.#catchUp = createCatchUp(
      () => (this.#isYielding ? undefined : this.#cursor.position),
      () => this.#enter({ name: "live" }),
    );
    this.#messages = new ReconnectingStream({
      backoff: options.backoff,
      open: () => this.#open(),
      onWaiting: (state) => this.#enter(state),
    });
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get position(): Position | undefined {
    return this.#cursor.position;
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined, undefined> {
    if (this.#isTaken) {
      throw new TypeError("a subscription can be iterated only once");
    }
    this.#isTaken = true;
    const messages = this.#read();
    return {
      next: () => messages.next(),
      return: () => {
        // First, so that a next() that waits for a message does not hold it up.
        this.#close();
        return messages.return(undefined);
      },
    };
  }

  async *#read(): AsyncGenerator<Message, undefined, undefined> {
    const close = () => this.#close();
    this.#signal?.addEventListener("abort", close);
    if (this.#signal?.aborted) {
      close();
    }
    try {
      for await (const message of this.#messages) {
        if (!this.#isWelcomed) {
          this.#welcome(message);
          continue;
        }
        this.#messages.resetBackoff();
        if (this.#cursor.accept(message)) {
          this.#isYielding = true;
          yield message;
          this.#isYielding = false;
        }
        this.#catchUp.check();
      }
    } catch (reason) {
      this.#close(ConnectError.from(reason));
      throw reason;
    } finally {
      this.#signal?.removeEventListener("abort", close);
      this.#close();
    }
  }

  /** Opens the next stream, given up when it misses two heartbeats. */
  #open(): WatchedStream<Message> {
    this.#enter({ name: "connecting" });
    this.#isWelcomed = false;
    const { room, user, presence = false } = this.#request;
    const { heartbeatMs } = this.#options;
    const after = this.#cursor.position;
    this.#stream = watchStream(2 * heartbeatMs, (signal) =>
      this.#client.subscribeMessages(
        {
          room,
          user,
          presence,
          heartbeat: durationFromMs(heartbeatMs),
          ...(after && { after: { epoch: after.epoch, sequence: after.sequence } }),
        },
        callOptions(signal, noDeadlineMs),
      ),
    );
    return this.#stream;
  }

  #welcome(message: Message): void {
    const isResumed = this.#cursor.position !== undefined;
    this.#cursor.welcome(message);
    this.#isWelcomed = true;
    this.#enter({ name: isResumed ? "catching-up" : "live" });
    if (isResumed && this.#stream) {
      const { room } = this.#request;
      const position = this.#cursor.position as Position;
      this.#catchUp.begin(
        findHead(this.#client, this.#options, room, position, this.#stream.signal),
      );
    }
  }

  #close(error?: ConnectError): void {
    this.#enter(error ? { name: "closed", error } : { name: "closed" });
    this.#messages.stop();
  }

  #enter(state: SubscriptionState): void {
    if (this.#state.name === "closed") {
      return;
    }
    this.#state = state;
    // The head was asked for in the state that is left.
    this.#catchUp.end();
    callListener(() => this.#onStateChange?.(state));
  }
}
