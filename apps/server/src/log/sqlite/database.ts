import { randomBytes } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MessageLogError } from "../message-log.ts";

const schemaVersion = 1;

// Sequences and numbers survive retention because they are kept here, not
// derived from the messages that are left.
const schema = `
  CREATE TABLE log (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch TEXT NOT NULL,
    last_number INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE room (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    head INTEGER NOT NULL,
    oldest INTEGER NOT NULL,
    message_count INTEGER NOT NULL,
    bytes INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE message (
    room_id INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    number INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (room_id, sequence)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE idempotency (
    room_id INTEGER NOT NULL,
    user TEXT NOT NULL,
    key TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    number INTEGER NOT NULL,
    received_at_ms INTEGER NOT NULL,
    PRIMARY KEY (room_id, user, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX idempotency_received_at_ms ON idempotency (received_at_ms);
  PRAGMA user_version = ${schemaVersion};
`;

/** Where the database lies in a data folder. */
export function databasePath(folder: string): string {
  return join(folder, "messages.sqlite");
}

/**
 * Makes the data folder where it is missing and takes its lock, which ends with
 * the returned handle or the process, however that ends.
 *
 * @throws MessageLogError when another server holds the lock, or the folder
 * cannot be written.
 */
export function lockDataFolder(folder: string): DatabaseSync {
  return translateErrors(`cannot use data folder ${folder}`, () => {
    mkdirSync(folder, { recursive: true });
    // SQLite would open what it cannot write for reading only, and say nothing.
    accessSync(folder, constants.W_OK);
    if (existsSync(databasePath(folder))) {
      accessSync(databasePath(folder), constants.W_OK);
    }
    // The time-out lets a successor start while its predecessor still ends.
    const lock = new DatabaseSync(join(folder, "lock.sqlite"), { timeout: 2_000 });
    try {
      lock.exec("BEGIN EXCLUSIVE");
    } catch (error) {
      lock.close();
      if (primaryCode(error) === 5) {
        throw new MessageLogError(
          "unavailable",
          `data folder ${folder} is in use by another server`,
        );
      }
      throw error;
    }
    return lock;
  });
}

/**
 * Opens the database for its one writer; makes it where it is missing. An
 * acknowledged commit survives a crash of the process and of the machine
 * (https://www.sqlite.org/pragma.html#pragma_synchronous).
 */
export function openForWriting(folder: string, options: { newEpoch: boolean }): DatabaseSync {
  return translateErrors(`cannot open the message log in ${folder}`, () => {
    const database = new DatabaseSync(databasePath(folder));
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    const version = Number(database.prepare("PRAGMA user_version").get()?.user_version);
    if (version > schemaVersion) {
      throw new MessageLogError(
        "unavailable",
        `the message log in ${folder} was written by a newer version (schema ${version})`,
      );
    }
    if (version === 0) {
      database.exec(`BEGIN IMMEDIATE; ${schema}`);
      database.prepare("INSERT INTO log VALUES (1, ?, 0)").run(makeEpoch());
      database.exec("COMMIT");
    } else if (options.newEpoch) {
      database.prepare("UPDATE log SET epoch = ?").run(makeEpoch());
    }
    return database;
  });
}

/** Opens the database, which must be there, for reading only. */
export function openForReading(folder: string): DatabaseSync {
  return translateErrors(
    `cannot open the message log in ${folder}`,
    () => new DatabaseSync(databasePath(folder), { readOnly: true }),
  );
}

/** Runs the action and turns what SQLite or the file system throws into a MessageLogError. */
export function translateErrors<T>(what: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof MessageLogError) {
      throw error;
    }
    const { errstr, message } = error as { errstr?: string; message: string };
    // 13 is SQLITE_FULL, https://www.sqlite.org/rescode.html
    const code = primaryCode(error) === 13 ? "full" : "unavailable";
    throw new MessageLogError(code, `${what}: ${errstr ?? message}`, { cause: error });
  }
}

function primaryCode(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: number };
  return errcode === undefined ? undefined : errcode & 0xff;
}

function makeEpoch(): string {
  return randomBytes(9).toString("base64url");
}
