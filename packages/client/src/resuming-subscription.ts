import type { Client, ConnectError } from "@connectrpc/connect";
import type { ChatService, Message } from "@parley/proto/chat/v1";
import { type Backoff, createBackoff } from "./backoff.ts";
import { callListener } from "./call-listener.ts";
import { type CatchUp, createCatchUp } from "./catch-up.ts";
import type { ResolvedOptions } from "./chat-client-options.ts";
import { type Cursor, createCursor } from "./cursor.ts";
import { delay } from "./delay.ts";
import { clientError } from "./errors.ts";
import { isRetryable } from "./is-retryable.ts";
import { type MessageStream, openMessageStream } from "./message-stream.ts";
import type { Position } from "./position.ts";
import { findHead } from "./room-head.ts";
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
  readonly #stop = new AbortController();
  readonly #backoff: Backoff;
  readonly #cursor: Cursor;
  #state: SubscriptionState = { name: "connecting" };
  readonly #catchUp: CatchUp;
  #taken = false;
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
    this.#backoff = createBackoff(options.backoff);
    this.#cursor = createCursor(request.after, request.presence ?? false);
    this.#catchUp = createCatchUp(
      () => (this.#isYielding ? undefined : this.#cursor.position),
      () => this.#enter({ name: "live" }),
    );
  }

  get state(): SubscriptionState {
    return this.#state;
  }

  get position(): Position | undefined {
    return this.#cursor.position;
  }

  [Symbol.asyncIterator](): AsyncIterator<Message, undefined, undefined> {
    if (this.#taken) {
      throw new TypeError("a subscription can be iterated only once");
    }
    this.#taken = true;
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
      while (!this.#stop.signal.aborted) {
        const stream = this.#open();
        let failure: ConnectError;
        try {
          this.#welcome(await stream.next(), stream);
          while (true) {
            const message = await stream.next();
            // The stream did more than open: the next failure is the first of its kind.
            this.#backoff.reset();
            if (this.#cursor.accept(message)) {
              this.#isYielding = true;
              yield message;
              this.#isYielding = false;
            }
            this.#catchUp.check();
          }
        } catch (reason) {
          failure = clientError(reason);
        } finally {
          this.#stop.signal.removeEventListener("abort", stream.cancel);
          stream.cancel();
        }
        await this.#recover(failure);
      }
    } finally {
      this.#signal?.removeEventListener("abort", close);
      this.#close();
    }
  }

  #open(): MessageStream {
    this.#enter({ name: "connecting" });
    const after = this.#cursor.position;
    const request = { ...this.#request, after };
    const stream = openMessageStream(this.#client, request, this.#options.heartbeatMs);
    const stopped = this.#stop.signal;
    stopped.addEventListener("abort", stream.cancel);
    if (stopped.aborted) {
      stream.cancel();
    }
    return stream;
  }

  #welcome(message: Message, stream: MessageStream): void {
    const resumed = this.#cursor.position;
    this.#cursor.welcome(message);
    if (!resumed) {
      this.#enter({ name: "live" });
      return;
    }
    this.#enter({ name: "catching-up" });
    this.#catchUp.begin(
      findHead(
        this.#client,
        this.#options,
        this.#request.room,
        this.#cursor.position as Position,
        stream.signal,
      ),
    );
  }

  /** Waits for the time of the next stream, or throws what another stream cannot mend. */
  async #recover(error: ConnectError): Promise<void> {
    const stopped = this.#stop.signal;
    if (stopped.aborted) {
      return;
    }
    if (!isRetryable(error)) {
      this.#close(error);
      throw error;
    }
    const waitMs = this.#backoff.next(error);
    this.#enter({ name: "waiting", retryAtMs: Date.now() + waitMs, error });
    await delay(waitMs, stopped);
  }

  #close(error?: ConnectError): void {
    this.#enter(error ? { name: "closed", error } : { name: "closed" });
    this.#stop.abort();
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
