import type { DatabaseSync, StatementSync } from "node:sqlite";
import { parentPort, workerData } from "node:worker_threads";
import { openForWriting, translateErrors } from "./database.ts";
import {
  type PackedKey,
  type PackedRecords,
  type PackedResults,
  recordFields,
  resultFields,
  type SqliteWriterData,
  toPlainError,
  type WriterRequest,
  type WriterResponse,
} from "./worker-messages.ts";

// The one writer of the SQLite engine, in a thread of its own: a commit waits
// for the disk.

interface Room {
  readonly id: number;
  head: number;
  oldest: number;
  messageCount: number;
  bytes: number;
}

interface OldMessage {
  readonly sequence: number;
  readonly received_at_ms: number;
  readonly bytes: number;
}

/** How many rooms are remembered between transactions. */
const maxCachedRooms = 10_000;
/** How many rows one transaction of retention removes at most: appends wait for it. */
const maxRowsRemoved = 1_000;
const roomsSweptAtOnce = 200;

class SqliteWriter {
  readonly #data: SqliteWriterData;
  readonly #database: DatabaseSync;
  readonly #rooms = new Map<string, Room>();
  readonly #statements: ReturnType<typeof prepareStatements>;
  #lastNumber = 0;

  constructor(data: SqliteWriterData) {
    this.#data = data;
    this.#database = openForWriting(data.folder, { newEpoch: data.newEpoch });
    this.#statements = prepareStatements(this.#database);
    this.#forget();
  }

  get epoch(): string {
    return String(this.#statements.log.get()?.epoch);
  }

  /** Appends all records in one transaction; nothing is left of it when it fails. */
  append(records: PackedRecords): PackedResults {
    return this.#transaction("cannot append to the message log", () => {
      const { fields, payloads, keys } = records;
      const rooms = records.rooms.map((name) => this.#room(name));
      const count = fields.length / recordFields;
      const results = new Float64Array(count * resultFields);
      const touched = new Set<Room>();
      let offset = 0;
      for (let index = 0; index < count; index++) {
        const at = index * recordFields;
        const room = rooms[fields[at] as number] as Room;
        const receivedAtMs = fields[at + 1] as number;
        const payloadBytes = fields[at + 2] as number;
        const start = offset;
        offset += payloadBytes;
        const key = keys.get(index);
        const first = key && this.#firstWithKey(room, key, receivedAtMs);
        if (first) {
          results.set([...first, 1], index * resultFields);
          continue;
        }
        room.head += 1;
        room.messageCount += 1;
        room.bytes += payloadBytes;
        this.#lastNumber += 1;
        const payload = payloads.subarray(start, offset);
        const { insertMessage, putKey } = this.#statements;
        insertMessage.run(room.id, room.head, this.#lastNumber, receivedAtMs, payload);
        if (key) {
          const { user, idempotencyKey } = key;
          putKey.run(room.id, user, idempotencyKey, room.head, this.#lastNumber, receivedAtMs);
        }
        results[index * resultFields] = room.head;
        results[index * resultFields + 1] = this.#lastNumber;
        results[index * resultFields + 2] = receivedAtMs;
        touched.add(room);
      }
      for (const room of touched) {
        this.#updateRoom(room);
      }
      this.#statements.updateLog.run(this.#lastNumber);
      return results;
    });
  }

  /** Removes the oldest messages of those rooms that hold more than they may. */
  trimByBytes(names: Iterable<string>): void {
    const limit = this.#data.retentionBytes;
    for (const name of limit > 0 ? new Set(names) : []) {
      // A little more than needed, so that a room at its limit is not trimmed at every append.
      const target = limit - limit / 16;
      while ((this.#rooms.get(name)?.bytes ?? 0) > limit) {
        const removed = this.#transaction("cannot remove old messages", () => {
          const room = this.#room(name);
          return this.#trim(room, ({ sequence }) => sequence < room.head && room.bytes > target);
        });
        if (removed === 0) {
          break;
        }
      }
    }
  }

  /**
   * Removes expired messages and idempotency keys, a slice at each step, so that
   * appends get their turn in between.
   */
  *sweep(nowMs: number): Generator<void> {
    const keysBefore = nowMs - this.#data.idempotencyWindowMs;
    let removed: number | bigint;
    do {
      removed = this.#transaction("cannot remove old idempotency keys", () => {
        return this.#statements.removeKeys.run(keysBefore, maxRowsRemoved).changes;
      });
      yield;
    } while (Number(removed) === maxRowsRemoved);
    const messagesBefore = nowMs - this.#data.retentionMs;
    let lastRoomId = this.#data.retentionMs > 0 ? 0 : Number.POSITIVE_INFINITY;
    while (Number.isFinite(lastRoomId)) {
      const names = this.#statements.nextRooms.all(lastRoomId, roomsSweptAtOnce);
      for (const { id, name } of names) {
        do {
          removed = this.#transaction("cannot remove old messages", () =>
            this.#trim(this.#room(String(name)), (old) => old.received_at_ms < messagesBefore),
          );
          if (removed > 0) {
            yield;
          }
        } while (removed === maxRowsRemoved);
        lastRoomId = Number(id);
      }
      if (names.length < roomsSweptAtOnce) {
        return;
      }
      yield;
    }
  }

  close(): void {
    this.#database.close();
  }

  #trim(room: Room, isOld: (message: OldMessage) => boolean): number {
    const { oldMessages, removeMessages } = this.#statements;
    let removed = 0;
    for (const row of oldMessages.iterate(room.id, maxRowsRemoved)) {
      const message = row as unknown as OldMessage;
      if (!isOld(message)) {
        break;
      }
      room.oldest = message.sequence;
      room.bytes -= message.bytes;
      room.messageCount -= 1;
      removed += 1;
    }
    if (removed > 0) {
      removeMessages.run(room.id, room.oldest);
      this.#updateRoom(room);
    }
    return removed;
  }

  #room(name: string): Room {
    let room = this.#rooms.get(name);
    if (!room) {
      const { getRoom, insertRoom } = this.#statements;
      const row = getRoom.get(name);
      room = row
        ? {
            id: Number(row.id),
            head: Number(row.head),
            oldest: Number(row.oldest),
            messageCount: Number(row.message_count),
            bytes: Number(row.bytes),
          }
        : {
            id: Number(insertRoom.run(name).lastInsertRowid),
            head: 0,
            oldest: 0,
            messageCount: 0,
            bytes: 0,
          };
      this.#rooms.set(name, room);
    }
    return room;
  }

  #updateRoom({ id, head, oldest, messageCount, bytes }: Room): void {
    this.#statements.updateRoom.run(head, oldest, messageCount, bytes, id);
  }

  #firstWithKey(room: Room, { user, idempotencyKey }: PackedKey, nowMs: number) {
    const row = this.#statements.getKey.get(room.id, user, idempotencyKey);
    return row && Number(row.received_at_ms) > nowMs - this.#data.idempotencyWindowMs
      ? ([Number(row.sequence), Number(row.number), Number(row.received_at_ms)] as const)
      : undefined;
  }

  #transaction<T>(what: string, action: () => T): T {
    if (this.#rooms.size > maxCachedRooms) {
      this.#rooms.clear();
    }
    return translateErrors(what, () => {
      try {
        this.#database.exec("BEGIN IMMEDIATE");
        const value = action();
        this.#database.exec("COMMIT");
        return value;
      } catch (error) {
        // SQLite has rolled back by itself after some errors, a full disk among them.
        if (this.#database.isTransaction) {
          this.#database.exec("ROLLBACK");
        }
        this.#forget();
        throw error;
      }
    });
  }

  /** Goes back to what the database says, after a transaction failed. */
  #forget(): void {
    this.#rooms.clear();
    this.#lastNumber = Number(this.#statements.log.get()?.last_number);
  }
}

function prepareStatements(database: DatabaseSync) {
  const prepare = (sql: string): StatementSync => database.prepare(sql);
  return {
    log: prepare("SELECT epoch, last_number FROM log"),
    updateLog: prepare("UPDATE log SET last_number = ?"),
    getRoom: prepare("SELECT * FROM room WHERE name = ?"),
    insertRoom: prepare("INSERT INTO room VALUES (NULL, ?, 0, 0, 0, 0)"),
    updateRoom: prepare(
      "UPDATE room SET head = ?, oldest = ?, message_count = ?, bytes = ? WHERE id = ?",
    ),
    nextRooms: prepare("SELECT id, name FROM room WHERE id > ? ORDER BY id LIMIT ?"),
    insertMessage: prepare("INSERT INTO message VALUES (?, ?, ?, ?, ?)"),
    oldMessages: prepare(
      "SELECT sequence, received_at_ms, length(payload) AS bytes FROM message WHERE room_id = ? ORDER BY sequence LIMIT ?",
    ),
    removeMessages: prepare("DELETE FROM message WHERE room_id = ? AND sequence <= ?"),
    getKey: prepare(
      "SELECT sequence, number, received_at_ms FROM idempotency WHERE room_id = ? AND user = ? AND key = ?",
    ),
    putKey: prepare("INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)"),
    removeKeys: prepare(
      "DELETE FROM idempotency WHERE (room_id, user, key) IN (SELECT room_id, user, key FROM idempotency WHERE received_at_ms < ? LIMIT ?)",
    ),
  };
}

function serve(data: SqliteWriterData): void {
  const port = parentPort;
  if (!port) {
    throw new Error("writer.ts runs in a worker thread");
  }
  const respond = (response: WriterResponse) => port.postMessage(response);
  const warn = (error: unknown) =>
    respond({ type: "warning", message: toPlainError(error).message });
  const writer = new SqliteWriter(data);

  let sweeping: Generator<void> | undefined;
  const step = () => {
    try {
      if (sweeping?.next().done === false) {
        setImmediate(step);
        return;
      }
    } catch (error) {
      warn(error);
    }
    sweeping = undefined;
  };
  // A tenth late is early enough: what expires is removed within 1.1 times its age.
  const periodMs = Math.min(data.retentionMs || data.idempotencyWindowMs, 600_000) / 10;
  const timer = setInterval(
    () => {
      if (!sweeping) {
        sweeping = writer.sweep(Date.now());
        step();
      }
    },
    Math.max(periodMs, 100),
  );

  port.on("message", (request: WriterRequest) => {
    if (request.type === "close") {
      clearInterval(timer);
      sweeping = undefined;
      writer.close();
      respond({ type: "closed" });
      port.close();
      return;
    }
    try {
      const results = writer.append(request.records);
      respond({ type: "appended", results });
    } catch (error) {
      respond({ type: "failed", error: toPlainError(error) });
      return;
    }
    try {
      writer.trimByBytes(request.records.rooms);
    } catch (error) {
      warn(error);
    }
  });
  respond({ type: "opened", epoch: writer.epoch });
}

serve(workerData as SqliteWriterData);
