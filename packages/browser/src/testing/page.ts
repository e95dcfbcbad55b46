import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { ChatService, type MessageSchema } from "@parley/proto/chat/v1";
import { createBrowserTransport, createWebSocketTransport } from "../index.ts";

type MessageInit = MessageInitShape<typeof MessageSchema>;

/** What the tests of Chromium do in a page; it is there as `parley`. */
export interface PageCalls {
  everyKind(options: PageOptions): Promise<unknown>;
  error(options: PageOptions): Promise<unknown>;
  stalledReader(options: PageOptions): Promise<void>;
  stalledWriter(options: PageOptions): Promise<number>;
}

const pageCalls: PageCalls = { everyKind, error, stalledReader, stalledWriter };
Object.assign(globalThis, { parley: pageCalls });

export interface PageOptions {
  readonly baseUrl?: string;
  /** Whether all calls go over WebSockets. */
  readonly tunnelOnly: boolean;
  readonly useBinaryFormat?: boolean;
}

function clientOf({ tunnelOnly, ...options }: PageOptions) {
  const transport: Transport = tunnelOnly
    ? createWebSocketTransport(options)
    : createBrowserTransport(options);
  return createClient(ChatService, transport);
}

async function everyKind(options: PageOptions) {
  const client = clientOf(options);
  const seen: (string | null)[] = [];
  const { messageId } = await client.sendMessage(
    { content: "grüße" },
    {
      headers: { "x-question": "why" },
      onHeader: (header) => seen.push(header.get("x-answer")),
      onTrailer: (trailer) => seen.push(trailer.get("x-end")),
    },
  );
  const page = await client.listMessages({ room: "listed" });
  const subscribed: string[] = [];
  for await (const { content } of client.subscribeMessages({ room: "r", user: "3" })) {
    subscribed.push(content);
  }
  const { messageCount } = await client.uploadMessages(each(["a", "b", "c"]));
  // Each message waits for the answer to the one before: full duplex.
  const chatted: string[] = [];
  let answered = Promise.withResolvers<void>();
  async function* questions(): AsyncGenerator<MessageInit> {
    for (const content of ["one", "two", "y".repeat(1_000_000)]) {
      yield { content };
      await answered.promise;
      answered = Promise.withResolvers();
    }
  }
  for await (const { content } of client.chat(questions())) {
    chatted.push(content.slice(0, 10));
    answered.resolve();
  }
  return {
    messageId,
    seen,
    listed: page.messages.map(({ content }) => content),
    subscribed,
    messageCount,
    chatted,
  };
}

/** What an error of a stream is. */
async function error(options: PageOptions) {
  try {
    for await (const _ of clientOf(options).chat(each(["a", "error"]))) {
      // Only its end is of interest.
    }
    return undefined;
  } catch (reason) {
    const { code, rawMessage, details } = ConnectError.from(reason);
    return { code: Code[code], message: rawMessage, detailCount: details.length };
  }
}

/** Reads one message of an endless stream, and goes on calling while it reads no more. */
async function stalledReader(options: PageOptions): Promise<void> {
  const client = clientOf(options);
  await client.subscribeMessages({ room: "endless" })[Symbol.asyncIterator]().next();
  await callOften(client);
}

/** Uploads without an end to a handler that does not read; returns what was taken of it. */
async function stalledWriter(options: PageOptions): Promise<number> {
  const client = clientOf(options);
  const content = "x".repeat(10_000);
  let takenBytes = 0;
  async function* endless(): AsyncGenerator<MessageInit> {
    for (;;) {
      takenBytes += content.length;
      yield { content };
    }
  }
  client.uploadMessages(endless()).catch(() => {});
  await callOften(client);
  return takenBytes;
}

async function callOften(client: ReturnType<typeof clientOf>): Promise<void> {
  for (let count = 0; count < 50; count++) {
    await client.sendMessage({ content: "m" });
  }
}

async function* each(contents: readonly string[]): AsyncGenerator<MessageInit> {
  for (const content of contents) {
    yield { content };
  }
}
