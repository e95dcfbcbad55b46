import {
  type AppendRecord,
  type AppendResult,
  MessageLogError,
  type MessageLogErrorCode,
  type Page,
  type RoomExtent,
  type StoredMessage,
} from "./message-log.ts";

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

/** Records packed for the way to the writer: all payloads in one transferred buffer. */
export interface PackedRecords {
  readonly rooms: string[];
  readonly users: string[];
  readonly idempotencyKeys: string[];
  readonly receivedAtMs: Float64Array;
  readonly payloadBytes: Uint32Array;
  readonly payloads: Uint8Array<ArrayBuffer>;
}

/** Results packed for the way back, in the order of the records. */
export interface PackedResults {
  readonly sequences: Float64Array;
  readonly numbers: Float64Array;
  readonly receivedAtMs: Float64Array;
  readonly duplicates: Uint8Array;
}

/** A page packed for the way from the reader. */
export interface PackedPage {
  readonly sequences: Float64Array;
  readonly numbers: Float64Array;
  readonly payloadBytes: Uint32Array;
  readonly payloads: Uint8Array<ArrayBuffer>;
  readonly hasMore: boolean;
  readonly extent: RoomExtent;
}

export type WriterRequest = { type: "append"; records: PackedRecords } | { type: "close" };

export type WriterResponse =
  | { type: "opened"; epoch: string }
  | { type: "appended"; results: PackedResults }
  | { type: "failed"; error: PlainError }
  | { type: "warning"; message: string }
  | { type: "closed" };

export type ReaderQuery =
  | { type: "after" | "before"; room: string; sequence: number; messages: number; bytes: number }
  | { type: "extent"; room: string }
  | { type: "rooms"; afterName: string; limit: number };

export type ReaderRequest = { id: number; query: ReaderQuery } | { type: "close" };

export type ReaderResponse =
  | { type: "opened" }
  | { id: number; value: unknown }
  | { id: number; error: PlainError };

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
  return {
    rooms: records.map((record) => record.room),
    users: records.map((record) => record.user),
    idempotencyKeys: records.map((record) => record.idempotencyKey),
    receivedAtMs: Float64Array.from(records, (record) => record.receivedAtMs),
    ...packPayloads(records),
  };
}

export function unpackResults(results: PackedResults): AppendResult[] {
  return Array.from(results.sequences, (sequence, index) => ({
    sequence,
    number: results.numbers[index] as number,
    receivedAtMs: results.receivedAtMs[index] as number,
    duplicate: results.duplicates[index] === 1,
  }));
}

export function packPage(
  messages: readonly StoredMessage[],
  hasMore: boolean,
  extent: RoomExtent,
): PackedPage {
  return {
    sequences: Float64Array.from(messages, (message) => message.sequence),
    numbers: Float64Array.from(messages, (message) => message.number),
    ...packPayloads(messages),
    hasMore,
    extent,
  };
}

/** The messages' payloads are views of the page's one buffer. */
export function unpackPage(page: PackedPage): Page {
  const payloads = unpackPayloads(page);
  const messages = payloads.map((payload, index) => ({
    sequence: page.sequences[index] as number,
    number: page.numbers[index] as number,
    payload,
  }));
  return { messages, hasMore: page.hasMore, extent: page.extent };
}

export function unpackPayloads(packed: {
  readonly payloads: Uint8Array;
  readonly payloadBytes: Uint32Array;
}): Uint8Array[] {
  let offset = 0;
  return Array.from(packed.payloadBytes, (bytes) => {
    const start = offset;
    offset += bytes;
    return packed.payloads.subarray(start, offset);
  });
}

function packPayloads(items: readonly { readonly payload: Uint8Array }[]) {
  const payloadBytes = Uint32Array.from(items, (item) => item.payload.byteLength);
  const payloads = new Uint8Array(payloadBytes.reduce((sum, bytes) => sum + bytes, 0));
  let offset = 0;
  for (const { payload } of items) {
    payloads.set(payload, offset);
    offset += payload.byteLength;
  }
  return { payloadBytes, payloads };
}
