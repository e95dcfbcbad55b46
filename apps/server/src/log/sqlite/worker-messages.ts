import type { FramesParts } from "../frames.ts";
import {
  type AppendRecord,
  type AppendResult,
  MessageLogError,
  type MessageLogErrorCode,
  type Page,
  type PageDirection,
  type PageLimit,
  type PageStart,
  type RoomExtent,
} from "../message-log.ts";

/** What the workers of the SQLite engine are started with. */
export interface SqliteWorkerData {
  readonly folder: string;
}

export interface SqliteWriterData extends SqliteWorkerData {
  readonly newEpoch: boolean;
  readonly idempotencyWindowMs: number;
  /** 0 keeps messages of any age. */
  readonly retentionMs: number;
  /** Payload bytes a room may keep; 0 for no bound. */
  readonly retentionBytes: number;
}

/**
 * Records packed for the way to the writer: few objects, since each costs to be cloned, and
 * all payloads in one transferred buffer.
 */
export interface PackedRecords {
  /** Each room once. */
  readonly rooms: readonly string[];
  /** Of each record, one behind the other: index of the room, receivedAtMs, payload bytes. */
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
export const recordFields = 3;

/** Of each record, one behind the other: sequence, number, receivedAtMs, 1 for a duplicate. */
export type PackedResults = Float64Array;

/** How many numbers `PackedResults` has of a record. */
export const resultFields = 4;

/** A page packed for the way from the reader. */
export interface PackedPage {
  readonly sequences: Float64Array;
  readonly numbers: Float64Array;
  readonly payloadBytes: Uint32Array;
  readonly payloads: Uint8Array<ArrayBuffer>;
  readonly hasMore: boolean;
  readonly extent: RoomExtent;
}

/** A page of frames packed for the way from the reader. */
export interface PackedFrames {
  readonly after: number;
  readonly frames: FramesParts | undefined;
}

export type WriterRequest = { type: "append"; records: PackedRecords } | { type: "close" };

export type WriterResponse =
  | { type: "opened"; epoch: string }
  | { type: "appended"; results: PackedResults }
  | { type: "failed"; error: PlainError }
  | { type: "warning"; message: string }
  | { type: "closed" };

/** Where a page starts, where it goes, and its bounds. */
export interface PageQuery extends PageLimit {
  readonly room: string;
  readonly from: PageStart;
  readonly direction: PageDirection;
}

export type ReaderQuery =
  | ({ type: "messages" | "frames" } & PageQuery)
  | { type: "extent"; room: string }
  | { type: "rooms"; afterName: string; limit: number };

export type ReaderRequest = { query: ReaderQuery } | { type: "close" };

/** Queries are answered in the order in which they come. */
export type ReaderResponse = { type: "opened" } | { value: unknown } | { error: PlainError };

/** A MessageLogError as structured cloning keeps it. */
export interface PlainError {
  readonly code: MessageLogErrorCode;
  readonly message: string;
  readonly extent: RoomExtent | undefined;
}

export function toPlainError(error: unknown): PlainError {
  if (error instanceof MessageLogError) {
    return { code: error.code, message: error.message, extent: error.extent };
  }
  return { code: "unavailable", message: String(error), extent: undefined };
}

export function fromPlainError({ code, message, extent }: PlainError): MessageLogError {
  return new MessageLogError(code, message, extent ? { extent } : {});
}

export function packRecords(records: readonly AppendRecord[]): PackedRecords {
  const rooms: string[] = [];
  const roomIndexes = new Map<string, number>();
  const keys = new Map<number, PackedKey>();
  const fields = new Float64Array(records.length * recordFields);
  let bytes = 0;
  for (const [index, { room, user, idempotencyKey, receivedAtMs, payload }] of records.entries()) {
    let roomIndex = roomIndexes.get(room);
    if (roomIndex === undefined) {
      roomIndex = rooms.push(room) - 1;
      roomIndexes.set(room, roomIndex);
    }
    if (idempotencyKey !== "") {
      keys.set(index, { user, idempotencyKey });
    }
    fields[index * recordFields] = roomIndex;
    fields[index * recordFields + 1] = receivedAtMs;
    fields[index * recordFields + 2] = payload.byteLength;
    bytes += payload.byteLength;
  }
  const payloads = new Uint8Array(bytes);
  let offset = 0;
  for (const { payload } of records) {
    payloads.set(payload, offset);
    offset += payload.byteLength;
  }
  return { rooms, fields, payloads, keys };
}

export function unpackResults(results: PackedResults): AppendResult[] {
  const unpacked: AppendResult[] = [];
  for (let index = 0; index < results.length; index += resultFields) {
    unpacked.push({
      sequence: results[index] as number,
      number: results[index + 1] as number,
      receivedAtMs: results[index + 2] as number,
      duplicate: results[index + 3] === 1,
    });
  }
  return unpacked;
}

/** The messages' payloads are views of the page's one buffer. */
export function unpackPage(page: PackedPage): Page {
  let offset = 0;
  const messages = Array.from(page.payloadBytes, (bytes, index) => {
    const start = offset;
    offset += bytes;
    return {
      sequence: page.sequences[index] as number,
      number: page.numbers[index] as number,
      payload: page.payloads.subarray(start, offset),
    };
  });
  return { messages, hasMore: page.hasMore, extent: page.extent };
}
