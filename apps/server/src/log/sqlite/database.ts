import { randomBytes } from "node:crypto";
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MessageLogError, type MessageLogErrorCode } from "../message-log.ts";
import { isEmptyDatabase, refuseDamage } from "./damage.ts";
import { clearUnsynced, markUnsynced, syncFolder, unsyncedState } from "./unsynced-marker.ts";

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

/**
 * Where a message is before it is acknowledged. "disk": there, so that it survives a power
 * failure. "system": handed to the operating system, so that it survives a killed process; a
 * power failure may take the newest messages, but damages nothing.
 */
export const syncModes = ["disk", "system"] as const;
export type SyncMode = (typeof syncModes)[number];

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
    makeFolder(folder);
    // SQLite would open what it cannot write for reading only, and say nothing.
    accessSync(folder, constants.W_OK);
    if (existsSync(databasePath(folder))) {
      accessSync(databasePath(folder), constants.W_OK);
    }
    const lockPath = join(folder, "lock.sqlite");
    return translateErrors(`cannot lock ${lockPath}`, () => {
      // The time-out lets a successor start while its predecessor still ends.
      const lock = new DatabaseSync(lockPath, { timeout: 2_000 });
      try {
        lock.exec("BEGIN EXCLUSIVE");
      } catch (error) {
        lock.close();
        if (primaryCode(error) === resultCodes.busy) {
          throw new MessageLogError(
            "unavailable",
            `data folder ${folder} is in use by another server`,
          );
        }
        throw error;
      }
      return lock;
    });
  });
}

/** Makes a folder, and those it lies in, so that a power failure does not take them away. */
function makeFolder(folder: string): void {
  const made = mkdirSync(folder, { recursive: true });
  for (let path = folder; made !== undefined && path.startsWith(made); path = dirname(path)) {
    syncFolder(dirname(path));
  }
}

/** A database that is open, and what was found wrong with it and put right. */
export interface OpenedDatabase {
  readonly database: DatabaseSync;
  readonly warnings: readonly string[];
}

/**
 * Opens the database for its one writer; makes it where it is missing. An
 * acknowledged commit survives a crash of the process, and with sync "disk" of
 * the machine (https://www.sqlite.org/pragma.html#pragma_synchronous).
 *
 * @throws MessageLogError when it cannot be opened, or is damaged.
 */
export function openForWriting(
  folder: string,
  options: { readonly newEpoch: boolean; readonly sync: SyncMode },
): OpenedDatabase {
  const file = databasePath(folder);
  return translateErrors(`cannot open ${file}`, () => {
    const warnings: string[] = [];
    const isPowerLost = unsyncedState(folder) === "lost";
    if (isPowerLost) {
      warnings.push(
        "the machine went down while messages were acknowledged that were not yet on disk: some of the newest may be lost, and a new epoch begins",
      );
    }
    const newEpoch = options.newEpoch || isPowerLost;
    refuseDamage(file, { isLossAccepted: newEpoch });
    if (existsSync(file) && isEmptyDatabase(file)) {
      warnings.push(`${file} was empty: it holds a new log now`);
    }
    const database = new DatabaseSync(file);
    const synchronous = options.sync === "disk" ? "FULL" : "NORMAL";
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous};`);
    const version = Number(database.prepare("PRAGMA user_version").get()?.user_version);
    if (version > schemaVersion) {
      throw new MessageLogError(
        "unavailable",
        `the message log in ${folder} was written by a newer version (schema ${version})`,
      );
    }
    let isOnDisk = checkpoint(database);
    if (version === 0) {
      database.exec(`BEGIN IMMEDIATE; ${schema}`);
      database.prepare("INSERT INTO log VALUES (1, ?, 0)").run(makeEpoch());
      database.exec("COMMIT");
    } else if (newEpoch) {
      database.prepare("UPDATE log SET epoch = ?").run(makeEpoch());
      isOnDisk = checkpoint(database);
    }
    if (options.sync === "system") {
      markUnsynced(folder);
    } else if (isOnDisk) {
      clearUnsynced(folder);
    } else {
      warnings.push(
        `${file} does not take what is in its write-ahead log: the disk is full, or another program reads it`,
      );
    }
    return { database, warnings };
  });
}

/**
 * Moves all that was recovered from the write-ahead log to the database, and waits for the
 * disk. Recovery reads what the system has in memory, which after a failed sync need not be
 * on the disk, and never will be unless it is written anew. Returns whether that was possible:
 * a full disk keeps no one from reading.
 */
function checkpoint(database: DatabaseSync): boolean {
  try {
    return database.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()?.busy === 0;
  } catch (error) {
    if (primaryCode(error) === resultCodes.full) {
      return false;
    }
    throw error;
  }
}

/** Closes the writer's database. Then the disk has everything, and the database all of it. */
export function closeAfterWriting(database: DatabaseSync, folder: string): void {
  try {
    if (checkpoint(database)) {
      clearUnsynced(folder);
    }
  } finally {
    database.close();
  }
}

/** Opens the database, which must be there, for reading only. */
export function openForReading(folder: string): DatabaseSync {
  const file = databasePath(folder);
  return translateErrors(`cannot open ${file}`, () => new DatabaseSync(file, { readOnly: true }));
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
    throw new MessageLogError(codeOf(error), `${what}: ${errstr ?? message}`, { cause: error });
  }
}

/** Whether the disk failed to make durable what it had taken: what it holds of it is unknown. */
export function isFailedSync(error: unknown): boolean {
  const { errcode } = ((error as Error).cause ?? {}) as { errcode?: number };
  return errcode === resultCodes.failedSync || errcode === resultCodes.failedFolderSync;
}

// https://www.sqlite.org/rescode.html
const resultCodes = {
  busy: 5,
  corrupt: 11,
  full: 13,
  constraint: 19,
  notADatabase: 26,
  failedSync: 1034,
  failedFolderSync: 1290,
};

function codeOf(error: unknown): MessageLogErrorCode {
  switch (primaryCode(error)) {
    case resultCodes.full:
      return "full";
    case resultCodes.corrupt:
    case resultCodes.notADatabase:
    // A row that is there, though the counters say that it is not.
    case resultCodes.constraint:
      return "damaged";
    default:
      return "unavailable";
  }
}

function primaryCode(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: number };
  return errcode === undefined ? undefined : errcode & 0xff;
}

function makeEpoch(): string {
  return randomBytes(9).toString("base64url");
}
