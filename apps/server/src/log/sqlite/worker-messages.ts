import type { FramesParts } from "../frames.ts";
import {
  MessageLogError,
  type MessageLogErrorCode,
  type Page,
  type PageDirection,
  type PageLimit,
  type PageStart,
  type RoomExtent,
} from "../message-log.ts";
import type { SyncMode } from "./database.ts";
import type { PackedRecords, PackedResults } from "./packed-records.ts";

/** What the workers of the SQLite engine are started with. */
export interface SqliteWorkerData {
  readonly folder: string;
}

export interface SqliteWriterData extends SqliteWorkerData {
  readonly newEpoch: boolean;
  readonly sync: SyncMode;
  readonly idempotencyWindowMs: number;
  /** 0 keeps messages of any age. */
  readonly retentionMs: number;
  /** Payload bytes a room may keep; 0 for no bound. */
  readonly retentionBytes: number;
}

/** A page packed for the way from the reader. */
export interface PackedPage {
  readonly sequences: Float64Array;
  readonly serials: Float64Array;
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
  | { type: "opened"; epoch: string; warnings: readonly string[] }
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

/** The messages' payloads are views of the page's one buffer. */
export function unpackPage(page: PackedPage): Page {
  let offset = 0;
  const messages = Array.from(page.payloadBytes, (bytes, index) => {
    const start = offset;
    offset += bytes;
    return {
      sequence: page.sequences[index] as number,
      serial: page.serials[index] as number,
      payload: page.payloads.subarray(start, offset),
    };
  });
  return { messages, hasMore: page.hasMore, extent: page.extent };
}
