import { parentPort, workerData } from "node:worker_threads";
import { encodeFrames } from "../encode-frames.ts";
import { MessageLogError, type NamedRoomExtent, type RoomExtent } from "../message-log.ts";
import { openForReading, translateErrors } from "./database.ts";
import { emptyPage, preparePages } from "./pages.ts";
import {
  type PackedFrames,
  type PackedPage,
  type PageQuery,
  type ReaderQuery,
  type ReaderRequest,
  type ReaderResponse,
  type SqliteWorkerData,
  toPlainError,
  unpackPage,
} from "./worker-messages.ts";

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
  const pages = {
    forwards: preparePages(database, "forwards"),
    backwards: preparePages(database, "backwards"),
  };

  function page(query: PageQuery): PackedPage & { from: number } {
    const { room, direction, messages, bytes } = query;
    const row = getRoom.get(room);
    const extent = toExtent(row);
    const from = fromOf(query, extent);
    if (direction === "forwards" && (from < extent.oldest || from > extent.head)) {
      throw MessageLogError.outOfRange(room, from, extent);
    }
    const found = row
      ? pages[direction](Number(row.id), { sequence: from, messages, bytes })
      : emptyPage();
    return { ...found, extent, from };
  }

  function frames(query: PageQuery): PackedFrames {
    const packed = page(query);
    const { messages } = unpackPage(packed);
    if (messages.length === 0) {
      return { after: packed.from, frames: undefined };
    }
    const { bytes, sequences, ends } = encodeFrames(messages).parts;
    return {
      after: packed.from,
      frames: { bytes, sequences: Float64Array.from(sequences), ends: Uint32Array.from(ends) },
    };
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
          case "frames":
            return frames(query);
          case "messages":
            return page(query);
        }
      } finally {
        // SQLite has ended it by itself after some errors, those of the disk among them.
        if (database.isTransaction) {
          database.exec("COMMIT");
        }
      }
    });
  };
}

/** The sequence that a page starts at. */
function fromOf({ from, direction }: PageQuery, { oldest, head }: RoomExtent): number {
  if (typeof from === "number") {
    return from;
  }
  const after = from === "oldest" ? oldest : head;
  return direction === "forwards" ? after : after + 1;
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
    throw new Error("reader.ts runs in a worker thread");
  }
  const respond = (response: ReaderResponse) => port.postMessage(response);
  const run = createReader(data.folder);
  port.on("messageerror", (error) => {
    // Its answer would be missed for ever: this thread has failed.
    throw error;
  });
  port.on("message", (request: ReaderRequest) => {
    if ("type" in request) {
      port.close();
      return;
    }
    try {
      const value = run(request.query);
      const { payloads, frames } = value as Partial<PackedPage & PackedFrames>;
      const bytes = payloads ?? frames?.bytes;
      port.postMessage({ value }, bytes ? [bytes.buffer as ArrayBuffer] : []);
    } catch (error) {
      respond({ error: toPlainError(error) });
    }
  });
  respond({ type: "opened" });
}

serve(workerData as SqliteWorkerData);
