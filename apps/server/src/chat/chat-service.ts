import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { callKey } from "@parley/host/call";
import {
  type ChatService,
  type ListMessagesRequest,
  type ListMessagesResponseSchema,
  type ListRoomsRequest,
  ListRoomsResponseSchema,
  type SendMessageRequest,
  SendMessageResponseSchema,
} from "@parley/proto/chat/v1";
import { messageId } from "../log/message-id.ts";
import type { AppendResult, NamedRoomExtent } from "../log/message-log.ts";
import { toMessage, toRecord } from "../log/payload.ts";
import { compareNames } from "../rooms/compare-names.ts";
import { type ChatContext, resolvePosition, toConnectError } from "./chat-context.ts";
import { createChatSession } from "./chat-session.ts";
import { createMetricsStream } from "./metrics-stream.ts";
import { toPosition } from "./service-errors.ts";
import { createSubscription } from "./subscription.ts";
import { uploadMessages } from "./upload-messages.ts";

const defaultPageSize = 100;
/** Below the 4 MiB that gRPC clients take by default. */
const maxPageBytes = 3 * 1024 * 1024;
/** A page of one message may be as large as that is. */
const maxAnswerBytes = 10 * 1024 * 1024;
const maxListedMembers = 100;

/** The chat service on a message log and its rooms. Callers' messages are already validated. */
export function createChatService(context: ChatContext): ServiceImpl<typeof ChatService> {
  /** Runs an action; what the log throws becomes the error that callers see. */
  async function withConnectErrors<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw toConnectError(error, context);
    }
  }

  return {
    sendMessage: (request) => sendMessage(context, request),
    subscribeMessages: (request, call) => createSubscription(context, request, call),
    uploadMessages: (messages) => withConnectErrors(() => uploadMessages(context.log, messages)),
    chat: (messages, call) => createChatSession(context, messages, call),
    streamMetrics: (request, call) => createMetricsStream(context, request, call),
    listMessages: (request, call) =>
      withConnectErrors(() => withRoom(call, () => listMessages(context, request))),
    listRooms: (request, call) =>
      withConnectErrors(() => withRoom(call, () => listRooms(context, request))),
  };
}

/**
 * Loads an answer that may be as large as one can be when there is room for it: callers who do
 * not take their answers have no more of them loaded.
 */
async function withRoom<T>(
  { values, signal }: Pick<HandlerContext, "values" | "signal">,
  load: () => Promise<T>,
): Promise<T> {
  await values.get(callKey)?.reserve(maxAnswerBytes);
  signal.throwIfAborted();
  return load();
}

/** Written for its speed: it is what most callers call most. */
async function sendMessage(context: ChatContext, request: SendMessageRequest) {
  let result: AppendResult | undefined;
  try {
    [result] = await context.log.append([toRecord(request, Date.now())]);
  } catch (error) {
    throw toConnectError(error, context);
  }
  const { serial, sequence, receivedAtMs } = result as AppendResult;
  const response = create(SendMessageResponseSchema);
  response.messageId = messageId(serial);
  response.timestamp = timestampFromMs(receivedAtMs);
  response.sequence = BigInt(sequence);
  return response;
}

async function listMessages(
  context: ChatContext,
  request: ListMessagesRequest,
): Promise<MessageInitShape<typeof ListMessagesResponseSchema>> {
  const { messages, hasMore, extent } = await readPage(context, request);
  return {
    messages: messages.map(toMessage),
    hasMore,
    oldest: toPosition(context.log.epoch, extent.oldest),
    head: toPosition(context.log.epoch, extent.head),
  };
}

async function readPage(context: ChatContext, { room, cursor, pageSize }: ListMessagesRequest) {
  const { log } = context;
  const limit = { messages: pageSize || defaultPageSize, bytes: maxPageBytes };
  if (cursor.case === undefined) {
    return log.read(room, "newest", "backwards", limit);
  }
  const from = await resolvePosition(context, room, cursor.value, cursor.case);
  return log.read(room, from, cursor.case === "before" ? "backwards" : "forwards", limit);
}

async function listRooms({ log, rooms }: ChatContext, { pageSize, pageToken }: ListRoomsRequest) {
  const limit = pageSize || defaultPageSize;
  const stored = await log.rooms(pageToken, limit + 1);
  const storedNames = new Set(stored.map(({ name }) => name));
  const occupied: NamedRoomExtent[] = await Promise.all(
    rooms
      .occupied(pageToken, limit + 1)
      .filter((name) => !storedNames.has(name))
      .map(async (name) => ({ name, ...(await log.extent(name)) })),
  );
  const found = [...occupied, ...stored].sort((a, b) => compareNames(a.name, b.name));
  const page = found.slice(0, limit);
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
    nextPageToken: found.length > limit ? (page.at(-1)?.name ?? "") : "",
  });
}
