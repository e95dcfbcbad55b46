import { create } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { type Message, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import { randomKey } from "../send/random-key.ts";
import type { SharedMessage, SharedSendResult } from "./shared-stream.ts";

/** The messages of a shared stream that the server has not acknowledged, in the order of `add`. */
export interface SharedOutbox {
  /** Keeps a message until it is acknowledged or given up; calls `say` with what to send. */
  add(
    user: string,
    message: SharedMessage,
    say: (message: Message) => void,
  ): Promise<SharedSendResult>;
  /** Notes that a stream took this message, if it is one of these: the server may have it. */
  noteTaken(message: Message): void;
  /** Takes an echo. False when it acknowledges none of these. */
  takeEcho(echo: Message): boolean;
  /** What a new stream has to be told. */
  unacknowledged(): readonly Message[];
  /** Rejects what a stream took so long ago that the server may have forgotten its key. */
  rejectOlderThan(ms: number, error: ConnectError): void;
  /** Rejects all. */
  rejectAll(error: ConnectError): void;
}

interface Entry {
  readonly message: Message;
  readonly resolve: (result: SharedSendResult) => void;
  readonly reject: (error: ConnectError) => void;
  takenAtMs: number | undefined;
}

export function createSharedOutbox(): SharedOutbox {
  const entries = new Map<string, Entry>();

  function rejectWhere(isRejected: (entry: Entry) => boolean, error: ConnectError): void {
    for (const [id, entry] of entries) {
      if (isRejected(entry)) {
        entries.delete(id);
        entry.reject(error);
      }
    }
  }

  return {
    add: (user, { room, content, idempotencyKey }, say) =>
      new Promise((resolve, reject) => {
        const id = randomKey();
        const message = create(MessageSchema, {
          id,
          user,
          room,
          content,
          type: MessageType.CHAT,
          // The same on each stream: what was stored but not acknowledged is not stored again.
          idempotencyKey: idempotencyKey || id,
        });
        entries.set(id, { message, resolve, reject, takenAtMs: undefined });
        say(message);
      }),
    noteTaken({ id }) {
      const entry = entries.get(id);
      if (entry) {
        entry.takenAtMs ??= performance.now();
      }
    },
    takeEcho({ id, sequence }) {
      const sentId = id.slice(echoPrefix.length);
      const entry = entries.get(sentId);
      entries.delete(sentId);
      entry?.resolve({ sequence });
      return entry !== undefined;
    },
    unacknowledged: () => Array.from(entries.values(), ({ message }) => message),
    rejectOlderThan(ms, error) {
      const latestMs = performance.now() - ms;
      rejectWhere(({ takenAtMs }) => takenAtMs !== undefined && takenAtMs <= latestMs, error);
    },
    rejectAll: (error) => rejectWhere(() => true, error),
  };
}

/** What the id of an echo begins with; the id of what it answers follows. */
export const echoPrefix = "echo_";
