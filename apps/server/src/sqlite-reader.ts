import { parentPort, workerData } from "node:worker_threads";
import {
  MessageLogError,
  type NamedRoomExtent,
  type RoomExtent,
  type StoredMessage,
} from "./message-log.ts";
import { openForReading, translateErrors } from "./sqlite-database.ts";
import {
  type PackedPage,
  packPage,
  type ReaderQuery,
  type ReaderRequest,
  type ReaderResponse,
  type SqliteWorkerData,
  toPlainError,
} from "./sqlite-worker-messages.ts";

// The reader of the SQLite engine, in a thread of its own: a read may wait for
// the disk.

function createReader(folder: string) {
  const database = openForReading(folder);
  const extentColumns = "head, oldest, message_count";
  const getRoom = database.prepare(`SELECT id, ${extentColumns} FROM room WHERE name = ?`);
  // A room whose messages have all been removed is kept for its sequences only.
  const listRooms = database.prepare(
    `SELECT name, ${extentColumns} FROM room WHERE name > ? AND message_count > 0 ORDER BY name LIMIT ?`,
  );
  const readAfter = database.prepare(
    "SELECT sequence, number, payload FROM message WHERE room_id = ? AND sequence > ? ORDER BY sequence",
  );
  const readBefore = database.prepare(
    "SELECT sequence, number, payload FROM message WHERE room_id = ? AND sequence < ? ORDER BY sequence DESC",
  );

  function page(query: Extract<ReaderQuery, { type: "after" | "before" }>): PackedPage {
    const { type, sequence } = query;
    const row = getRoom.get(query.room);
    const extent = toExtent(row);
    if (type === "after" && (sequence < extent.oldest || sequence > extent.head)) {
      throw MessageLogError.outOfRange(query.room, sequence, extent);
    }
    const messages: StoredMessage[] = [];
    let bytes = 0;
    let hasMore = false;
    const statement = type === "after" ? readAfter : readBefore;
    for (const found of row ? statement.iterate(Number(row.id), sequence) : []) {
      const message = found as unknown as StoredMessage;
      bytes += message.payload.byteLength;
      if (messages.length === query.messages || (bytes > query.bytes && messages.length > 0)) {
        hasMore = true;
        break;
      }
      messages.push(message);
    }
    return packPage(type === "after" ? messages : messages.reverse(), hasMore, extent);
  }

  /** One transaction, so that a page and the extent beside it agree. */
  return function run(query: ReaderQuery): unknown {
    return translateErrors("cannot read the message log", () => {
      database.exec("BEGIN");
      try {
        switch (query.type) {
          case "extent":
            return toExtent(getRoom.get(query.room));
          case "rooms":
            return listRooms
              .all(query.afterName, query.limit)
              .map((row): NamedRoomExtent => ({ name: String(row.name), ...toExtent(row) }));
          default:
            return page(query);
        }
      } finally {
        database.exec("COMMIT");
      }
    });
  };
}

function toExtent(row: Record<string, unknown> | undefined): RoomExtent {
  return {
    head: Number(row?.head ?? 0),
    oldest: Number(row?.oldest ?? 0),
    messageCount: Number(row?.message_count ?? 0),
  };
}

function serve(data: SqliteWorkerData): void {
  const port = parentPort;
  if (!port) {
    throw new Error("sqlite-reader.ts runs in a worker thread");
  }
  const respond = (response: ReaderResponse) => port.postMessage(response);
  const run = createReader(data.folder);
  port.on("message", (request: ReaderRequest) => {
    if ("type" in request) {
      port.close();
      return;
    }
    try {
      const value = run(request.query);
      const { payloads } = value as Partial<PackedPage>;
      port.postMessage({ id: request.id, value }, payloads ? [payloads.buffer] : []);
    } catch (error) {
      respond({ id: request.id, error: toPlainError(error) });
    }
  });
  respond({ type: "opened" });
}

serve(workerData as SqliteWorkerData);
