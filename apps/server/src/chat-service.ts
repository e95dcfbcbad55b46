import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationMs, timestampFromMs, timestampNow } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type ChatService,
  type ListMessagesRequest,
  ListMessagesResponseSchema,
  type ListRoomsRequest,
  ListRoomsResponseSchema,
  type Message,
  MessageType,
  type Metric,
  MetricSchema,
  type MetricsRequest,
  type SendMessageRequest,
  SendMessageResponseSchema,
  type SubscribeRequest,
  UploadResponseSchema,
} from "@parley/proto/chat/v1";
import { AppendPipeline } from "./append-pipeline.ts";
import {
  type ChatContext,
  resolvePosition,
  throwIfEnding,
  toConnectError,
  wakeOnEnd,
} from "./chat-context.ts";
import { ChatSession } from "./chat-session.ts";
import type { AppendResult, NamedRoomExtent } from "./message-log.ts";
import { Notifier } from "./notifier.ts";
import { compareNames } from "./rooms.ts";
import { invalidArgument, toPosition } from "./service-errors.ts";
import { messageId, toMessage, toRecord } from "./stored-messages.ts";
import { heartbeat, takeNext, welcome } from "./subscription-stream.ts";

const defaultPageSize = 100;
/** Below the 4 MiB that gRPC clients take by default. */
const maxPageBytes = 3 * 1024 * 1024;
const maxListedMembers = 100;

/** The chat service on a message log and its rooms. Callers' messages are already validated. */
export function createChatService(context: ChatContext): ServiceImpl<typeof ChatService> {
  /** Turns what the log throws into the error that callers see. */
  async function edge<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw toConnectError(error, context);
    }
  }

  async function* streamEdge<T>(stream: AsyncGenerator<T>): AsyncGenerator<T> {
    try {
      yield* stream;
    } catch (error) {
      throw toConnectError(error, context);
    }
  }

  return {
    sendMessage: (request) => edge(() => sendMessage(context, request)),
    subscribeMessages: (request, { signal }) =>
      streamEdge(subscribeMessages(context, request, signal)),
    uploadMessages: (messages) => edge(() => uploadMessages(context, messages)),
    chat: (messages, { signal }) => streamEdge(new ChatSession(context, signal).run(messages)),
    streamMetrics: (request, { signal }) => streamMetrics(context, request, signal),
    listMessages: (request) => edge(() => listMessages(context, request)),
    listRooms: (request) => edge(() => listRooms(context, request)),
  };
}

async function sendMessage({ log }: ChatContext, request: SendMessageRequest) {
  const [result] = await log.append([toRecord(request, Date.now())]);
  const { number, sequence, receivedAtMs } = result as AppendResult;
  return create(SendMessageResponseSchema, {
    messageId: messageId(number),
    timestamp: timestampFromMs(receivedAtMs),
    sequence: BigInt(sequence),
  });
}

async function* subscribeMessages(
  context: ChatContext,
  { room, user, after, heartbeat: interval, presence }: SubscribeRequest,
  signal: HandlerContext["signal"],
): AsyncGenerator<Message> {
  const start = after ? await resolvePosition(context, room, after, "after") : "head";
  const heartbeatMs = interval ? durationMs(interval) : Number.POSITIVE_INFINITY;
  const notifier = new Notifier();
  const cursor = await context.rooms.subscribe({
    room,
    user,
    start,
    presence,
    onChange: notifier.notify,
  });
  const stopWaking = wakeOnEnd(notifier, signal, context);
  const onDelivery = () => context.metrics.countDelivery();
  try {
    let sentAtMs = performance.now();
    yield welcome(cursor, user, context.log.epoch);
    for (;;) {
      let message = takeNext(cursor, onDelivery);
      if (!message) {
        throwIfEnding(signal, context);
        const remainingMs = sentAtMs + heartbeatMs - performance.now();
        if (remainingMs > 0) {
          await notifier.wait(remainingMs);
          continue;
        }
        message = heartbeat(cursor);
      }
      yield message;
      sentAtMs = performance.now();
    }
  } finally {
    stopWaking();
    cursor.close();
  }
}

async function uploadMessages({ log }: ChatContext, messages: AsyncIterable<Message>) {
  let messageCount = 0;
  let duplicateCount = 0;
  const appends = new AppendPipeline<undefined>(log, (_, { duplicate }) => {
    messageCount += 1;
    duplicateCount += duplicate ? 1 : 0;
  });
  for await (const message of messages) {
    if (message.type !== MessageType.CHAT) {
      throw invalidArgument({ field: "type", description: "must be CHAT" });
    }
    if (message.content === "") {
      throw invalidArgument({ field: "content", description: "must not be empty" });
    }
    await appends.push(toRecord(message, Date.now()), undefined);
  }
  await appends.flush();
  return create(UploadResponseSchema, { messageCount, success: true, duplicateCount });
}

async function* streamMetrics(
  context: ChatContext,
  { instanceId, intervalSeconds }: MetricsRequest,
  signal: HandlerContext["signal"],
): AsyncGenerator<Metric> {
  const intervalMs = (intervalSeconds || 1) * 1_000;
  const notifier = new Notifier();
  const stopWaking = wakeOnEnd(notifier, signal, context);
  const sampler = context.metrics.sampler();
  const instance = instanceId || context.instanceId;
  try {
    for (;;) {
      await notifier.wait(intervalMs);
      throwIfEnding(signal, context);
      const timestamp = timestampNow();
      for (const { name, value, labels } of sampler.sample()) {
        yield create(MetricSchema, { name, value, timestamp, labels: { instance, ...labels } });
      }
    }
  } finally {
    stopWaking();
    sampler.close();
  }
}

async function listMessages(
  context: ChatContext,
  { room, cursor, pageSize }: ListMessagesRequest,
): Promise<MessageInitShape<typeof ListMessagesResponseSchema>> {
  const { log } = context;
  const limit = { messages: pageSize || defaultPageSize, bytes: maxPageBytes };
  const position = cursor.case && (await resolvePosition(context, room, cursor.value, cursor.case));
  const page =
    cursor.case === "after"
      ? await log.readAfter(
          room,
          typeof position === "number" ? position : (await log.extent(room)).oldest,
          limit,
        )
      : await log.readBefore(
          room,
          position === undefined
            ? Number.MAX_SAFE_INTEGER
            : typeof position === "number"
              ? position
              : 0,
          limit,
        );
  return create(ListMessagesResponseSchema, {
    messages: page.messages.map(toMessage),
    hasMore: page.hasMore,
    oldest: toPosition(log.epoch, page.extent.oldest),
    head: toPosition(log.epoch, page.extent.head),
  });
}

async function listRooms({ log, rooms }: ChatContext, { pageSize, pageToken }: ListRoomsRequest) {
  const limit = pageSize || defaultPageSize;
  const occupied: NamedRoomExtent[] = rooms
    .occupied(pageToken)
    .slice(0, limit + 1)
    .map((name) => ({ name, head: 0, oldest: 0, messageCount: 0 }));
  const stored = await log.rooms(pageToken, limit + 1);
  // A room that both know is shown as the log has it.
  const found = new Map([...occupied, ...stored].map((room) => [room.name, room]));
  const sorted = [...found.values()].sort((a, b) => compareNames(a.name, b.name));
  const page = sorted.slice(0, limit);
  return create(ListRoomsResponseSchema, {
    rooms: page.map(({ name, head, messageCount }) => {
      const members = rooms.members(name);
      return {
        name,
        head: toPosition(log.epoch, head),
        messageCount: BigInt(messageCount),
        members: members.slice(0, maxListedMembers),
        memberCount: members.length,
      };
    }),
    nextPageToken: sorted.length > limit ? (page.at(-1)?.name ?? "") : "",
  });
}
