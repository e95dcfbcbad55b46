import type { ChatClient, Message, SharedSubscription, StreamState } from "@parley/client";

/** How a conversation is set up. */
export interface ConversationOptions {
  readonly client: Pick<ChatClient, "shareStream">;
  readonly user: string;
  /** Gets each message of the joined rooms once, in order, and the epoch of its sequence. */
  readonly onMessage: (message: Message, epoch: string) => void;
  /** Told each change of the stream's state. */
  readonly onStateChange: (state: StreamState) => void;
}

/** A conversation of one user in several rooms, over one stream that reconnects. */
export interface Conversation {
  /** The rooms joined, by the time they were. */
  rooms(): string[];
  /** Receives a room from now on. Resolves when the server says so. */
  join(room: string): Promise<void>;
  /** Receives a room no longer. */
  leave(room: string): void;
  /** Sends a message. Resolves when it is on the server's disk and, in a joined room, was received. */
  say(room: string, content: string): Promise<void>;
  /** Ends the conversation. What is under way rejects with the reason, or with `Canceled`. */
  end(reason?: unknown): void;
  /** Aborts when the conversation is over, by itself or by `end`, with the reason. */
  readonly ended: AbortSignal;
}

interface JoinedRoom {
  readonly subscription: SharedSubscription;
  readonly joined: PromiseWithResolvers<void>;
  /** What waits for a message of this room, in order of sequence. */
  readonly awaited: { readonly sequence: bigint; readonly resolve: () => void }[];
}

/** Starts a conversation: its stream is opened with the first room. */
export function startConversation(options: ConversationOptions): Conversation {
  const rooms = new Map<string, JoinedRoom>();
  const ended = new AbortController();
  const stream = options.client.shareStream({
    user: options.user,
    onStateChange(state) {
      if (state.name === "idle") {
        return;
      }
      options.onStateChange(state);
      if (state.name === "closed") {
        end(state.error);
      }
    },
  });

  function end(reason?: unknown): void {
    ended.abort(reason);
    stream.close();
  }

  function receive(message: Message): void {
    const room = rooms.get(message.room);
    options.onMessage(message, room?.subscription.position?.epoch ?? "");
    while (room?.awaited[0] && room.awaited[0].sequence <= message.sequence) {
      room.awaited.shift()?.resolve();
    }
  }

  function leave(name: string): void {
    const room = rooms.get(name);
    rooms.delete(name);
    room?.subscription.close();
  }

  return {
    rooms: () => [...rooms.keys()],
    async join(name) {
      const joined = Promise.withResolvers<void>();
      const awaited: JoinedRoom["awaited"] = [];
      const subscription = stream.subscribe({
        room: name,
        onMessage: receive,
        onStateChange(state) {
          if (state.name === "live") {
            joined.resolve();
          } else if (state.name === "closed") {
            joined.reject(state.error ?? ended.signal.reason);
            awaited.forEach(({ resolve }) => {
              resolve();
            });
            // Of a room that was left there is no error; one that cannot be resumed ends all.
            if (state.error) {
              end(state.error);
            }
          }
        },
      });
      rooms.set(name, { subscription, joined, awaited });
      await joined.promise;
    },
    leave,
    async say(name, content) {
      const { sequence } = await stream.send({ room: name, content });
      const room = rooms.get(name);
      const position = room?.subscription.position;
      if (room && position && position.sequence < sequence) {
        await new Promise<void>((resolve) => {
          room.awaited.push({ sequence, resolve });
        });
      }
    },
    end,
    ended: ended.signal,
  };
}
