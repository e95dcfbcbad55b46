import { type CallOptions, type Client, Code, ConnectError } from "@connectrpc/connect";
import type {
  ChatService,
  ListMessagesResponse,
  ListRoomsResponse,
  Message,
  Room,
} from "@parley/proto/chat/v1";
import { clientError } from "../calls/client-error.ts";
import { oldestKept, type Position } from "../position/position.ts";

/** A page of a room's history. */
export interface ListMessagesRequest {
  /** The room to read. 1 to 128 characters. */
  room: string;
  /** The messages just before this position, the one it names excluded. */
  before?: Position | undefined;
  /** The messages just after this position. Not together with `before`. */
  after?: Position | undefined;
  /** How many messages at most. 1 to 1,000; default 100. */
  pageSize?: number | undefined;
}

/** A page of the rooms. */
export interface ListRoomsRequest {
  /** How many rooms at most. 1 to 1,000; default 100. */
  pageSize?: number | undefined;
  /** The `nextPageToken` of the page before. Default: the first page. */
  pageToken?: string | undefined;
}

/** A room's history, oldest message first. */
export interface HistoryRequest {
  /** The room to read. 1 to 128 characters. */
  room: string;
  /** The position to start after. Default: the oldest message kept. */
  after?: Position | undefined;
  /** How many messages to ask for at a time. 1 to 1,000; default 100. */
  pageSize?: number | undefined;
}

export async function listMessages(
  client: Client<typeof ChatService>,
  { room, before, after, pageSize = 0 }: ListMessagesRequest,
  options: CallOptions,
): Promise<ListMessagesResponse> {
  if (before && after) {
    throw new ConnectError("a page is either before or after a position", Code.InvalidArgument);
  }
  const cursor = before
    ? { case: "before" as const, value: { epoch: before.epoch, sequence: before.sequence } }
    : after && { case: "after" as const, value: { epoch: after.epoch, sequence: after.sequence } };
  try {
    return await client.listMessages({ room, pageSize, ...(cursor && { cursor }) }, options);
  } catch (reason) {
    throw clientError(reason, options.signal);
  }
}

export async function listRooms(
  client: Client<typeof ChatService>,
  { pageSize = 0, pageToken = "" }: ListRoomsRequest,
  options: CallOptions,
): Promise<ListRoomsResponse> {
  try {
    return await client.listRooms({ pageSize, pageToken }, options);
  } catch (reason) {
    throw clientError(reason, options.signal);
  }
}

/** Yields the messages after a position until the newest, page by page. */
export async function* history(
  client: Client<typeof ChatService>,
  request: HistoryRequest,
  options: CallOptions,
): AsyncGenerator<Message, undefined, undefined> {
  let after = request.after ?? oldestKept;
  for (;;) {
    const page = await listMessages(client, { ...request, after }, options);
    yield* page.messages;
    const last = page.messages.at(-1);
    if (!last || !page.hasMore) {
      return;
    }
    after = { epoch: page.head?.epoch ?? after.epoch, sequence: last.sequence };
  }
}

/** Yields all rooms, page by page. */
export async function* rooms(
  client: Client<typeof ChatService>,
  request: Pick<ListRoomsRequest, "pageSize">,
  options: CallOptions,
): AsyncGenerator<Room, undefined, undefined> {
  let pageToken = "";
  do {
    const page: ListRoomsResponse = await listRooms(client, { ...request, pageToken }, options);
    yield* page.rooms;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}
