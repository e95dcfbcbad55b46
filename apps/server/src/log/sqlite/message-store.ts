import type { DatabaseSync } from "node:sqlite";
import { closeAfterWriting, translateErrors } from "./database.ts";
import {
  type PackedKey,
  type PackedRecords,
  type PackedResults,
  recordFields,
  resultFields,
} from "./packed-records.ts";
import { prepareStatements, type Statements } from "./statements.ts";

import type { SqliteWriterData } from "./worker-messages.ts";

/** A message among the oldest of its room. */
export interface OldMessage {
  readonly sequence: number;
  readonly receivedAtMs: number;
  readonly bytes: number;
}

/** A room and how much it holds. */
export interface StoredRoom {
  readonly id: number;
  readonly name: string;
  readonly bytes: number;
  readonly messageCount: number;
}

/** What may still be removed before others get their turn. */
export interface RemovalBudget {
  messages: number;
  bytes: number;
}

interface Room {
  readonly id: number;
  head: number;
  oldest: number;
  messageCount: number;
  bytes: number;
}

/** How many rooms are remembered between transactions. */
const maxCachedRooms = 10_000;

/**
 * The tables of the log, as its one writer changes them. Whatever fails leaves no trace
 * and throws a MessageLogError.
 */
export class MessageStore {
  readonly #database: DatabaseSync;
  readonly #folder: string;
  readonly #idempotencyWindowMs: number;
  readonly #rooms = new Map<string, Room>();
  readonly #statements: Statements;
  #lastSerial = 0;
  /** Whether what is remembered is that of a transaction that failed. */
  #isStale = false;

  /** @param database - opened for writing; closed with the store */
  constructor(
    database: DatabaseSync,
    { folder, idempotencyWindowMs }: Pick<SqliteWriterData, "folder" | "idempotencyWindowMs">,
  ) {
    this.#database = database;
    this.#folder = folder;
    this.#idempotencyWindowMs = idempotencyWindowMs;
    this.#statements = prepareStatements(database);
    this.#forget();
  }

  get epoch(): string {
    return String(this.#statements.log.get()?.epoch);
  }

  /** Appends all records in one transaction. */
  append(records: PackedRecords): PackedResults {
    return this.#transaction("cannot append to the message log", () => {
      const { fields, payloads, keys } = records;
      const { insertMessage, putKey } = this.#statements;
      const results = new Float64Array((fields.length / recordFields) * resultFields);
      let index = 0;
      let offset = 0;
      for (const [at, name] of records.rooms.entries()) {
        const room = this.#room(name);
        const headBefore = room.head;
        for (const end = index + (records.counts[at] as number); index < end; index++) {
          const receivedAtMs = fields[index * recordFields] as number;
          const payloadBytes = fields[index * recordFields + 1] as number;
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
          this.#lastSerial += 1;
          const payload = payloads.subarray(start, offset);
          insertMessage.run(room.id, room.head, this.#lastSerial, receivedAtMs, payload);
          if (key) {
            const { user, idempotencyKey } = key;
            putKey.run(room.id, user, idempotencyKey, room.head, this.#lastSerial, receivedAtMs);
          }
          results[index * resultFields] = room.head;
          results[index * resultFields + 1] = this.#lastSerial;
          results[index * resultFields + 2] = receivedAtMs;
        }
        if (room.head > headBefore) {
          this.#updateRoom(room);
        }
      }
      this.#statements.updateLog.run(this.#lastSerial);
      return results;
    });
  }

  /** How many bytes of payload a room holds. */
  bytesOf(name: string): number {
    return this.#rooms.get(name)?.bytes ?? Number(this.#statements.getRoom.get(name)?.bytes ?? 0);
  }

  /** The rooms after one of an id, in the order of their ids. */
  roomsAfter(id: number, limit: number): StoredRoom[] {
    return translateErrors("cannot list rooms", () =>
      this.#statements.nextRooms.all(id, limit).map((row) => ({
        id: Number(row.id),
        name: String(row.name),
        bytes: Number(row.bytes),
        messageCount: Number(row.message_count),
      })),
    );
  }

  /** The oldest message of a room. */
  oldestOf(roomId: number): OldMessage | undefined {
    return translateErrors("cannot read the oldest message of a room", () => {
      const row = this.#statements.oldMessages.get(roomId, 1);
      return row && toOldMessage(row);
    });
  }

  /**
   * Removes the oldest messages of rooms, in one transaction, as long as the budget lasts.
   * Returns those of the rooms that it did not last for.
   *
   * @param isDue - whether a message is to be removed, given what its room holds with it;
   * asked for the oldest one that is left.
   */
  removeMessages(
    names: readonly string[],
    isDue: (message: OldMessage, room: { head: number; bytes: number }) => boolean,
    budget: RemovalBudget,
  ): string[] {
    return this.#transaction("cannot remove old messages", () =>
      names.filter((name) => this.#trim(this.#room(name), isDue, budget)),
    );
  }

  /** Removes idempotency keys that are older than a time, and tells how many. */
  removeKeys(beforeMs: number, limit: number): number {
    return this.#transaction("cannot remove old idempotency keys", () =>
      Number(this.#statements.removeKeys.run(beforeMs, limit).changes),
    );
  }

  close(): void {
    closeAfterWriting(this.#database, this.#folder);
  }

  /** Returns whether the budget ended before there was nothing to remove. */
  #trim(
    room: Room,
    isDue: (message: OldMessage, room: Room) => boolean,
    budget: RemovalBudget,
  ): boolean {
    const { oldMessages, removeMessages } = this.#statements;
    const before = room.messageCount;
    let isCut = budget.messages <= 0 || budget.bytes <= 0;
    for (const row of oldMessages.iterate(room.id, Math.max(budget.messages, 0) + 1)) {
      const message = toOldMessage(row);
      if (!isDue(message, room)) {
        isCut = false;
        break;
      }
      isCut = budget.messages <= 0 || budget.bytes <= 0;
      if (isCut) {
        break;
      }
      room.oldest = message.sequence;
      room.bytes -= message.bytes;
      room.messageCount -= 1;
      budget.messages -= 1;
      budget.bytes -= message.bytes;
    }
    if (room.messageCount < before) {
      removeMessages.run(room.id, room.oldest);
      this.#updateRoom(room);
    }
    return isCut;
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
    return row && Number(row.received_at_ms) > nowMs - this.#idempotencyWindowMs
      ? ([Number(row.sequence), Number(row.number), Number(row.received_at_ms)] as const)
      : undefined;
  }

  #transaction<T>(what: string, action: () => T): T {
    if (this.#rooms.size > maxCachedRooms) {
      this.#rooms.clear();
    }
    return translateErrors(what, () => {
      try {
        if (this.#isStale) {
          this.#forget();
        }
        this.#database.exec("BEGIN IMMEDIATE");
        const value = action();
        this.#database.exec("COMMIT");
        return value;
      } catch (error) {
        this.#isStale = true;
        try {
          this.#forget();
        } catch {
          // What made it fail makes this fail as well: the next transaction tries again.
        }
        throw error;
      }
    });
  }

  /** Goes back to what the database says, after a transaction failed. */
  #forget(): void {
    // SQLite has rolled back by itself after some errors, a full disk among them.
    if (this.#database.isTransaction) {
      this.#database.exec("ROLLBACK");
    }
    this.#rooms.clear();
    this.#lastSerial = Number(this.#statements.log.get()?.last_number);
    this.#isStale = false;
  }
}

function toOldMessage(row: Record<string, unknown>): OldMessage {
  return {
    sequence: Number(row.sequence),
    receivedAtMs: Number(row.received_at_ms),
    bytes: Number(row.bytes),
  };
}
