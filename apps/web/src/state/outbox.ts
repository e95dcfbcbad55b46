import type { ChatClient } from "@parley/client";
import { describeError } from "./describe-error.ts";
import { createStore, type Store } from "./store.ts";

/** A message on its way. */
export interface OutgoingEntry {
  /** Makes it safe to send again: the server stores it once. */
  readonly key: string;
  readonly content: string;
  readonly createdAtMs: number;
  /** Stored messages stay until they come back as a message of the room. */
  readonly status: "sending" | "stored" | "failed";
  /** Why it failed, as a sentence. */
  readonly problem?: string;
}

/** The messages of one user to one room that have not come back from it yet. */
export interface Outbox {
  readonly entries: Pick<Store<readonly OutgoingEntry[]>, "get" | "subscribe">;
  send(content: string): void;
  /** Sends a message that failed again, with the same key. */
  retry(key: string): void;
  /** Forgets a message that failed; returns its content. */
  discard(key: string): string | undefined;
  /** Takes away what the room was seen to hold. */
  settle(keys: ReadonlySet<string>): void;
  /** Ends what is being sent. */
  close(): void;
}

/** Makes an outbox. Its messages are sent one after the other, in the order they were written. */
export function createOutbox(
  client: Pick<ChatClient, "send">,
  target: { readonly room: string; readonly user: string },
): Outbox {
  const entries = createStore<readonly OutgoingEntry[]>([]);
  const closing = new AbortController();
  let last: Promise<void> = Promise.resolve();

  const update = (key: string, change: Partial<OutgoingEntry>) => {
    entries.set(
      entries.get().map((entry) => (entry.key === key ? { ...entry, ...change } : entry)),
    );
  };
  const find = (key: string) => entries.get().find((entry) => entry.key === key);
  const deliver = async (key: string) => {
    const entry = find(key);
    if (!entry || closing.signal.aborted) {
      return;
    }
    try {
      await client.send(
        { ...target, content: entry.content, idempotencyKey: key },
        { signal: closing.signal },
      );
      update(key, { status: "stored" });
    } catch (error) {
      update(key, { status: "failed", problem: describeError(error) });
    }
  };
  const enqueue = (key: string) => {
    last = last.then(() => deliver(key));
  };

  return {
    entries,
    send(content) {
      const key = randomKey();
      entries.set([...entries.get(), { key, content, createdAtMs: Date.now(), status: "sending" }]);
      enqueue(key);
    },
    retry(key) {
      if (find(key)?.status === "failed") {
        update(key, { status: "sending" });
        enqueue(key);
      }
    },
    discard(key) {
      const entry = find(key);
      entries.set(entries.get().filter((each) => each.key !== key));
      return entry?.content;
    },
    settle(keys) {
      const left = entries.get().filter(({ key }) => !keys.has(key));
      if (left.length < entries.get().length) {
        entries.set(left);
      }
    },
    close: () => closing.abort(),
  };
}

// Not crypto.randomUUID, which browsers have only on pages that were loaded securely.
function randomKey(): string {
  return crypto.getRandomValues(new BigUint64Array(2)).join("-");
}
