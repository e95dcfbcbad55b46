import type { AppendRecord, AppendResult } from "../message-log.ts";

/**
 * Records packed for the way to the writer, room by room: few objects, since each costs to
 * be cloned, and all payloads in one buffer, which is handed over.
 */
export interface PackedRecords {
  readonly rooms: readonly string[];
  /** How many records each room has. */
  readonly counts: readonly number[];
  /** Of each record, one behind the other: receivedAtMs, payload bytes. */
  readonly fields: Float64Array;
  readonly payloads: Uint8Array<ArrayBuffer>;
  /** Of those records that have a key, by index. */
  readonly keys: ReadonlyMap<number, PackedKey>;
}

export interface PackedKey {
  readonly user: string;
  readonly idempotencyKey: string;
}

/** How many numbers `PackedRecords.fields` has of a record. */
export const recordFields = 2;

/**
 * Of each record, in the order in which they were packed, one behind the other: sequence,
 * serial, receivedAtMs, 1 for a duplicate.
 */
export type PackedResults = Float64Array<ArrayBuffer>;

/** How many numbers `PackedResults` has of a record. */
export const resultFields = 4;

/** What one room gets of some records. */
export interface RoomRecords {
  readonly room: string;
  readonly records: AppendRecord[];
  /** Where each of them stands among all records. */
  readonly places: number[];
}

/** Groups the records of several appends by room; those of a room stay in order. */
export function groupByRoom(appends: Iterable<readonly AppendRecord[]>): RoomRecords[] {
  const groups = new Map<string, RoomRecords>();
  let group: RoomRecords | undefined;
  let place = 0;
  for (const records of appends) {
    for (const record of records) {
      if (group?.room !== record.room) {
        group = groups.get(record.room);
        if (!group) {
          group = { room: record.room, records: [], places: [] };
          groups.set(record.room, group);
        }
      }
      group.records.push(record);
      group.places.push(place);
      place += 1;
    }
  }
  return [...groups.values()];
}

/** Packs records. It is the one time that their payloads are copied. */
export function packRecords(groups: readonly RoomRecords[]): PackedRecords {
  let count = 0;
  let bytes = 0;
  for (const { records } of groups) {
    count += records.length;
    for (const { payload } of records) {
      bytes += payload.byteLength;
    }
  }
  const keys = new Map<number, PackedKey>();
  const fields = new Float64Array(count * recordFields);
  const payloads = new Uint8Array(bytes);
  let index = 0;
  let offset = 0;
  for (const { records } of groups) {
    for (const { user, idempotencyKey, receivedAtMs, payload } of records) {
      if (idempotencyKey !== "") {
        keys.set(index, { user, idempotencyKey });
      }
      fields[index * recordFields] = receivedAtMs;
      fields[index * recordFields + 1] = payload.byteLength;
      payloads.set(payload, offset);
      offset += payload.byteLength;
      index += 1;
    }
  }
  return {
    rooms: groups.map(({ room }) => room),
    counts: groups.map(({ records }) => records.length),
    fields,
    payloads,
    keys,
  };
}

/** The result of a record, by the place at which it was packed. */
export function resultAt(results: PackedResults, index: number): AppendResult {
  const at = index * resultFields;
  return {
    sequence: results[at] as number,
    serial: results[at + 1] as number,
    receivedAtMs: results[at + 2] as number,
    duplicate: results[at + 3] === 1,
  };
}
