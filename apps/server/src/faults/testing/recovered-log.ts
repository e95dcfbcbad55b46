import { DatabaseSync } from "node:sqlite";
import { databasePath, openForWriting } from "../../log/sqlite/database.ts";

/** A message as the database has it. */
interface StoredRow {
  readonly number: number;
  readonly room: string;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

interface KeyRow {
  readonly number: number;
  readonly room: string;
  readonly sequence: number;
  readonly user: string;
  readonly key: string;
}

/** All that a log ever held, in the order in which it was committed. */
export interface LogHistory {
  readonly epoch: string;
  readonly messages: readonly StoredRow[];
  readonly keys: readonly KeyRow[];
}

/** Reads the history from the folder of a server that has ended. */
export function readLogHistory(folder: string): LogHistory {
  const database = new DatabaseSync(databasePath(folder));
  try {
    const epoch = String(database.prepare("SELECT epoch FROM log").get()?.epoch);
    return { epoch, messages: readMessages(database), keys: readKeys(database) };
  } finally {
    database.close();
  }
}

/**
 * What is wrong with the log in a folder that a failure left behind; nothing if it holds
 * every message up to one that is no older than the last one told, as it was, once, in order,
 * with its key, and nothing else.
 *
 * @param toldNumber - the highest number of a message that a client was told of
 */
export function findFaults(folder: string, history: LogHistory, toldNumber: number): string[] {
  let database: DatabaseSync;
  try {
    ({ database } = openForWriting(folder, { newEpoch: false, sync: "disk" }));
  } catch (error) {
    return [`damaged: ${(error as Error).message}`];
  }
  try {
    return [...faultsOf(database, history, toldNumber)];
  } catch (error) {
    return [`damaged: ${(error as Error).message}`];
  } finally {
    database.close();
  }
}

function* faultsOf(database: DatabaseSync, history: LogHistory, toldNumber: number) {
  const integrity = database.prepare("PRAGMA integrity_check").get()?.integrity_check;
  if (integrity !== "ok") {
    yield `damaged: ${integrity}`;
  }
  const messages = readMessages(database);
  if (messages.length < toldNumber) {
    yield `lost: ${messages.length} messages of the ${toldNumber} that were told`;
  }
  const wrong = messages.find((message, index) => !isEqual(message, history.messages[index]));
  if (wrong) {
    yield `damaged: message ${wrong.number} is not what was stored`;
  }
  const last = Number(database.prepare("SELECT last_number FROM log").get()?.last_number);
  if (last !== messages.length) {
    yield `damaged: the last number is ${last}, of ${messages.length} messages`;
  }
  const keys = readKeys(database);
  const wrongKey = keys.find((key, index) => !isEqual(key, history.keys[index]));
  const keyCount = history.keys.filter(({ number }) => number <= messages.length).length;
  if (wrongKey || keys.length !== keyCount) {
    yield `damaged: ${keys.length} keys of ${keyCount}, the first wrong one ${wrongKey?.key}`;
  }
  for (const { name, head, oldest, message_count: count } of database
    .prepare("SELECT * FROM room")
    .all()) {
    const ofRoom = messages.filter(({ room }) => room === name);
    if (head !== ofRoom.length || count !== head || oldest !== 0) {
      yield `damaged: room ${name} says ${head}, ${count} and ${oldest} of ${ofRoom.length}`;
    }
  }
}

function isEqual(a: StoredRow | KeyRow, b: StoredRow | KeyRow | undefined): boolean {
  return (
    b !== undefined &&
    Object.entries(a).every(([name, value]) => {
      const other = (b as unknown as Record<string, unknown>)[name];
      return value instanceof Uint8Array
        ? Buffer.compare(value, other as Uint8Array) === 0
        : value === other;
    })
  );
}

function readMessages(database: DatabaseSync): StoredRow[] {
  return database
    .prepare(
      "SELECT number, name AS room, sequence, payload FROM message JOIN room ON room.id = room_id ORDER BY number",
    )
    .all() as unknown as StoredRow[];
}

function readKeys(database: DatabaseSync): KeyRow[] {
  return database
    .prepare(
      "SELECT number, name AS room, sequence, user, key FROM idempotency JOIN room ON room.id = room_id ORDER BY number",
    )
    .all() as unknown as KeyRow[];
}
