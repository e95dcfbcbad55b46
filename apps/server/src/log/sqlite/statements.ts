import type { DatabaseSync, StatementSync } from "node:sqlite";

type Statement =
  | "log"
  | "updateLog"
  | "getRoom"
  | "insertRoom"
  | "updateRoom"
  | "nextRooms"
  | "insertMessage"
  | "oldMessages"
  | "removeMessages"
  | "getKey"
  | "putKey"
  | "removeKeys";

/** What the one writer of the log asks of its database. */
export type Statements = Readonly<Record<Statement, StatementSync>>;

/** Prepares what the one writer of the log asks of its database. */
export function prepareStatements(database: DatabaseSync): Statements {
  const prepare = (sql: string): StatementSync => database.prepare(sql);
  return {
    log: prepare("SELECT epoch, last_number FROM log"),
    updateLog: prepare("UPDATE log SET last_number = ?"),
    getRoom: prepare("SELECT * FROM room WHERE name = ?"),
    insertRoom: prepare("INSERT INTO room VALUES (NULL, ?, 0, 0, 0, 0)"),
    updateRoom: prepare(
      "UPDATE room SET head = ?, oldest = ?, message_count = ?, bytes = ? WHERE id = ?",
    ),
    nextRooms: prepare(
      "SELECT id, name, bytes, message_count FROM room WHERE id > ? ORDER BY id LIMIT ?",
    ),
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
