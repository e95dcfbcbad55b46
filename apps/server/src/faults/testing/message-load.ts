import assert from "node:assert/strict";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ChatService, type Message } from "@parley/proto/chat/v1";

/** How much is sent. */
export interface MessageLoadOptions {
  readonly rooms: readonly string[];
  /** Senders of single messages, one after the other each. */
  readonly senders: number;
  readonly messagesPerSender: number;
  /** Uploads, one after the other, over all rooms. */
  readonly uploads: number;
  readonly messagesPerUpload: number;
}

/** What a server acknowledged, and what it says that it holds. */
export interface MessageLoadResult {
  /** Of each room, in order. */
  readonly stored: ReadonlyMap<string, readonly Message[]>;
  /** The numbers of the messages that were acknowledged to senders, or shown to readers. */
  readonly told: ReadonlySet<number>;
}

/**
 * Sends messages of many sizes, each with an idempotency key, while a reader follows each room.
 * Ends when all are acknowledged and read, and shows that both agree with the room's history.
 */
export async function runMessageLoad(
  url: string,
  options: MessageLoadOptions,
): Promise<MessageLoadResult> {
  const { rooms, senders, messagesPerSender, uploads, messagesPerUpload } = options;
  const connect = () => createClient(ChatService, createGrpcTransport({ baseUrl: url }));
  const acknowledged = new Map<string, number>();
  const total = senders * messagesPerSender + uploads * messagesPerUpload;

  const ended = new AbortController();
  const followed = new Map<string, Message[]>(rooms.map((room) => [room, []]));
  const allFollowed = Promise.withResolvers<void>();
  let left = total;
  const following = rooms.map(async (room) => {
    const request = { room, user: "reader", after: {} };
    for await (const message of connect().subscribeMessages(request, { signal: ended.signal })) {
      if (message.id !== "system") {
        followed.get(room)?.push(message);
        left -= 1;
        if (left === 0) {
          allFollowed.resolve();
        }
      }
    }
  });
  const followingFailed = Promise.all(following).then(
    () => Promise.reject(new Error("a subscription ended")),
    (error) => Promise.reject(error),
  );
  followingFailed.catch(() => {});

  const sending = Array.from({ length: senders }, async (_, sender) => {
    const client = connect();
    for (let index = 0; index < messagesPerSender; index++) {
      const room = rooms[(sender + index) % rooms.length] as string;
      const message = makeMessage(room, `sender ${sender}`, index);
      const { messageId } = await client.sendMessage(message);
      acknowledged.set(message.idempotencyKey, numberOf(messageId));
    }
  });
  const uploading = (async () => {
    const client = connect();
    for (let upload = 0; upload < uploads; upload++) {
      const messages = Array.from({ length: messagesPerUpload }, (_, index) =>
        makeMessage(rooms[index % rooms.length] as string, `uploader ${upload}`, index),
      );
      async function* stream() {
        yield* messages;
      }
      assert.equal((await client.uploadMessages(stream())).messageCount, messages.length);
    }
  })();
  await Promise.all([...sending, uploading]);
  await Promise.race([allFollowed.promise, followingFailed]);
  ended.abort();
  await Promise.allSettled(following);

  const stored = new Map<string, Message[]>();
  for (const room of rooms) {
    const messages = await readHistory(connect(), room);
    assert.deepEqual(followed.get(room), messages, "the reader saw what the room holds");
    stored.set(room, messages);
  }
  const all = [...stored.values()].flat();
  assert.equal(all.length, total);
  const numbers = new Map(all.map(({ idempotencyKey, id }) => [idempotencyKey, numberOf(id)]));
  for (const [key, number] of acknowledged) {
    assert.equal(numbers.get(key), number, key);
  }
  return { stored, told: new Set(numbers.values()) };
}

/** A room's whole history, oldest message first. */
export async function readHistory(
  client: ReturnType<typeof createClient<typeof ChatService>>,
  room: string,
): Promise<Message[]> {
  const messages: Message[] = [];
  let after: { epoch?: string; sequence?: bigint } = {};
  for (;;) {
    const page = await client.listMessages({
      room,
      pageSize: 1_000,
      cursor: { case: "after", value: after },
    });
    messages.push(...page.messages);
    if (!page.hasMore) {
      return messages;
    }
    after = { epoch: page.head?.epoch ?? "", sequence: messages.at(-1)?.sequence ?? 0n };
  }
}

/** The number in a message's id. */
export function numberOf(messageId: string): number {
  const number = Number(/^msg_(\d+)$/.exec(messageId)?.[1]);
  assert.ok(Number.isSafeInteger(number), messageId);
  return number;
}

function makeMessage(room: string, user: string, index: number) {
  const idempotencyKey = `${user} ${index}`;
  // Most fit on a page of the database, some take pages of their own.
  const length = index % 40 === 39 ? 20_000 : 20 + ((index * 37) % 300);
  return { room, user, idempotencyKey, content: `${idempotencyKey} `.padEnd(length, "x") };
}
