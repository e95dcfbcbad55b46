import { once } from "node:events";
import type { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { Frames } from "../frames.ts";
import {
  type AppendRecord,
  type AppendResult,
  type CommittedMessage,
  type FramesPage,
  type MessageLog,
  MessageLogError,
  type NamedRoomExtent,
  type Page,
  type PageDirection,
  type PageLimit,
  type PageStart,
  type RoomExtent,
} from "../message-log.ts";
import { lockDataFolder } from "./database.ts";
import { ReadQueue } from "./read-queue.ts";
import {
  fromPlainError,
  type PackedFrames,
  type PackedPage,
  packRecords,
  type ReaderQuery,
  type ReaderRequest,
  type ReaderResponse,
  type SqliteWorkerData,
  type SqliteWriterData,
  unpackPage,
  unpackResults,
  type WriterRequest,
  type WriterResponse,
} from "./worker-messages.ts";

export interface SqliteMessageLogOptions {
  /** The data folder; made where it is missing. One server at a time can hold it. */
  readonly folder: string;
  /** How long an idempotency key is remembered, in milliseconds. Default 120,000. */
  readonly idempotencyWindowMs?: number;
  /** How long a message is kept, in milliseconds. Default 0: for ever. */
  readonly retentionMs?: number;
  /** How many bytes of payload a room keeps, its newest message aside. Default 0: no bound. */
  readonly retentionBytes?: number;
  /** Starts a new epoch, as is right after restoring an older copy. Default false. */
  readonly newEpoch?: boolean;
  /** Told of what went wrong outside any call, such as the removal of old messages. */
  readonly onWarning?: (message: string) => void;
  /** Told when a thread of the log has died: every call fails from then on. */
  readonly onFailure?: (error: MessageLogError) => void;
}

interface PendingAppend {
  readonly records: readonly AppendRecord[];
  readonly bytes: number;
  readonly resolve: (results: AppendResult[]) => void;
  readonly reject: (error: MessageLogError) => void;
}

/** What one transaction takes at most, a single larger append aside. */
const maxCommitRecords = 8_192;
const maxCommitBytes = 16 * 1024 * 1024;
/** What may wait for the writer before appends are refused. */
const maxPendingBytes = 256 * 1024 * 1024;

/**
 * Opens the message log in a data folder: SQLite in WAL mode with
 * synchronous=FULL, one writer thread with group commit, one reader thread.
 * Sequences are dense.
 *
 * @throws MessageLogError when the folder is in use or cannot be written.
 */
export async function openSqliteMessageLog(
  options: SqliteMessageLogOptions,
): Promise<SqliteMessageLog> {
  const { folder } = options;
  const lock = lockDataFolder(folder);
  const writerData: SqliteWriterData = {
    folder,
    newEpoch: options.newEpoch ?? false,
    idempotencyWindowMs: options.idempotencyWindowMs ?? 120_000,
    retentionMs: options.retentionMs ?? 0,
    retentionBytes: options.retentionBytes ?? 0,
  };
  const workers: Worker[] = [];
  const start = (file: string, workerData: SqliteWorkerData) => {
    const worker = new Worker(new URL(file, import.meta.url), { workerData });
    workers.push(worker);
    return worker;
  };
  try {
    const writer = start("./writer.ts", writerData);
    const { epoch } = await opened<{ epoch: string }>(writer);
    const reader = start("./reader.ts", { folder });
    await opened(reader);
    return new SqliteMessageLog(epoch, lock, writer, reader, options);
  } catch (error) {
    await Promise.all(workers.map((worker) => worker.terminate()));
    lock.close();
    throw error;
  }
}

async function opened<T>(worker: Worker): Promise<T> {
  try {
    return (await once(worker, "message"))[0] as T;
  } catch (error) {
    throw new MessageLogError("unavailable", (error as Error).message, { cause: error });
  }
}

async function endWorker(worker: Worker, request: unknown): Promise<void> {
  // A thread that has died has the id -1 and emits no further "exit".
  if (worker.threadId !== -1) {
    const exit = once(worker, "exit");
    worker.postMessage(request);
    await exit;
  }
}

class SqliteMessageLog implements MessageLog {
  readonly epoch: string;
  readonly #lock: DatabaseSync;
  readonly #writer: Worker;
  readonly #reader: Worker;
  readonly #followers = new Set<(messages: readonly CommittedMessage[]) => void>();
  #waiting: PendingAppend[] = [];
  #committing: PendingAppend[] = [];
  #pendingBytes = 0;
  #isCommitDue = false;
  readonly #reads: ReadQueue;
  /** Set when the log takes no more calls: closed, or a thread of it has died. */
  #ended: MessageLogError | undefined;
  #drained: (() => void) | undefined;
  #closed: Promise<void> | undefined;

  constructor(
    epoch: string,
    lock: DatabaseSync,
    writer: Worker,
    reader: Worker,
    { onWarning, onFailure }: SqliteMessageLogOptions,
  ) {
    this.epoch = epoch;
    this.#lock = lock;
    this.#writer = writer;
    this.#reader = reader;
    writer.on("message", (response: WriterResponse) => {
      if (response.type === "warning") {
        onWarning?.(response.message);
      } else if (response.type === "appended") {
        this.#onAppended(unpackResults(response.results));
      } else if (response.type === "failed") {
        this.#onFailed(fromPlainError(response.error));
      }
    });
    this.#reads = new ReadQueue((query) => reader.postMessage({ query } satisfies ReaderRequest));
    reader.on("message", (response: ReaderResponse) => {
      if (!("type" in response)) {
        this.#reads.onResponse(response);
      }
    });
    for (const worker of [writer, reader]) {
      worker.on("error", (error) => {
        const failure = new MessageLogError(
          "unavailable",
          `a thread of the message log died: ${error}`,
          { cause: error },
        );
        this.#end(failure);
        onFailure?.(failure);
      });
    }
  }

  append(records: readonly AppendRecord[]): Promise<AppendResult[]> {
    if (this.#ended) {
      return Promise.reject(this.#ended);
    }
    if (records.length === 0) {
      return Promise.resolve([]);
    }
    if (this.#pendingBytes > maxPendingBytes) {
      return Promise.reject(
        new MessageLogError("overloaded", "too many messages wait to be written"),
      );
    }
    return new Promise((resolve, reject) => {
      const bytes = records.reduce((sum, record) => sum + record.payload.byteLength, 0);
      this.#waiting.push({ records, bytes, resolve, reject });
      this.#pendingBytes += bytes;
      this.#commitSoon();
    });
  }

  follow(onCommitted: (messages: readonly CommittedMessage[]) => void): () => void {
    this.#followers.add(onCommitted);
    return () => this.#followers.delete(onCommitted);
  }

  async read(
    room: string,
    from: PageStart,
    direction: PageDirection,
    limit: PageLimit,
  ): Promise<Page> {
    const { messages, bytes } = limit;
    return unpackPage(
      await this.#read<PackedPage>({ type: "messages", room, from, direction, messages, bytes }),
    );
  }

  async readFrames(
    room: string,
    from: Exclude<PageStart, "newest">,
    { messages, bytes }: PageLimit,
  ): Promise<FramesPage> {
    const { after, frames } = await this.#read<PackedFrames>({
      type: "frames",
      room,
      from,
      direction: "forwards",
      messages,
      bytes,
    });
    return { after, frames: frames && new Frames(frames) };
  }

  extent(room: string): Promise<RoomExtent> {
    return this.#read({ type: "extent", room });
  }

  rooms(afterName: string, limit: number): Promise<NamedRoomExtent[]> {
    return this.#read({ type: "rooms", afterName, limit });
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#ended ??= new MessageLogError("unavailable", "the message log is closed");
    if (this.#committing.length > 0 || this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    }
    this.#end(this.#ended);
    await Promise.all([
      endWorker(this.#writer, { type: "close" } satisfies WriterRequest),
      endWorker(this.#reader, { type: "close" } satisfies ReaderRequest),
    ]);
    this.#lock.close();
  }

  /**
   * Sends what waits to the writer at the end of the turn, so that all that arrived in it
   * shares a commit. Not while a commit runs: what comes then gathers for the next, which
   * follows at once.
   */
  #commitSoon(): void {
    if (!this.#isCommitDue && this.#committing.length === 0) {
      this.#isCommitDue = true;
      setImmediate(() => {
        this.#isCommitDue = false;
        this.#commit();
      });
    }
  }

  #commit(): void {
    // The log may have ended meanwhile.
    if (this.#waiting.length === 0) {
      return;
    }
    let records = 0;
    let bytes = 0;
    let count = 0;
    for (const pending of this.#waiting) {
      records += pending.records.length;
      bytes += pending.bytes;
      if (count > 0 && (records > maxCommitRecords || bytes > maxCommitBytes)) {
        break;
      }
      count += 1;
    }
    this.#committing = this.#waiting.splice(0, count);
    const packed = packRecords(this.#committing.flatMap((pending) => pending.records));
    this.#writer.postMessage({ type: "append", records: packed } satisfies WriterRequest, [
      packed.payloads.buffer,
    ]);
  }

  #onAppended(results: AppendResult[]): void {
    const committed = this.#takeCommitting();
    const messages: CommittedMessage[] = [];
    let index = 0;
    for (const { records } of committed) {
      for (const { room, payload } of records) {
        const { sequence, number, duplicate } = results[index] as AppendResult;
        index += 1;
        if (!duplicate) {
          messages.push({ room, sequence, number, payload });
        }
      }
    }
    for (const follower of messages.length > 0 ? this.#followers : []) {
      follower(messages);
    }
    let offset = 0;
    for (const { records, resolve } of committed) {
      resolve(results.slice(offset, offset + records.length));
      offset += records.length;
    }
  }

  #onFailed(error: MessageLogError): void {
    for (const { reject } of this.#takeCommitting()) {
      reject(error);
    }
  }

  #takeCommitting(): PendingAppend[] {
    const committed = this.#committing;
    this.#committing = [];
    this.#pendingBytes -= committed.reduce((sum, pending) => sum + pending.bytes, 0);
    if (this.#waiting.length > 0) {
      this.#commit();
    } else {
      this.#drained?.();
    }
    return committed;
  }

  #read<T>(query: ReaderQuery): Promise<T> {
    if (this.#ended) {
      return Promise.reject(this.#ended);
    }
    return this.#reads.read(query);
  }

  #end(error: MessageLogError): void {
    this.#ended = error;
    for (const { reject } of [...this.#committing, ...this.#waiting]) {
      reject(error);
    }
    this.#committing = [];
    this.#waiting = [];
    this.#reads.end(error);
    this.#drained?.();
  }
}

export type { SqliteMessageLog };
