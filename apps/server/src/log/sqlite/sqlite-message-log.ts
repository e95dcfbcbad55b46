import { once } from "node:events";
import type { DatabaseSync } from "node:sqlite";
import { Worker } from "node:worker_threads";
import { encodeFramePieces } from "../encode-frames.ts";
import { Followers } from "../followers.ts";
import { Frames } from "../frames.ts";
import {
  type AppendRecord,
  type AppendResult,
  type Follower,
  type FramesPage,
  type MessageLog,
  MessageLogError,
  type NamedRoomExtent,
  type Page,
  type PageDirection,
  type PageLimit,
  type PageStart,
  type RoomExtent,
  type StoredMessage,
} from "../message-log.ts";
import { CommitQueue } from "./commit-queue.ts";
import { lockDataFolder, type SyncMode } from "./database.ts";
import { ReadQueue } from "./read-queue.ts";
import {
  fromPlainError,
  type PackedFrames,
  type PackedPage,
  type ReaderQuery,
  type ReaderRequest,
  type ReaderResponse,
  type SqliteWorkerData,
  type SqliteWriterData,
  unpackPage,
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
  /** What an append waits for. Default "disk". */
  readonly sync?: SyncMode;
  /** Told of what went wrong outside any call, such as the removal of old messages. */
  readonly onWarning?: (message: string) => void;
  /** Told when a thread of the log has died: every call fails from then on. */
  readonly onFailure?: (error: MessageLogError) => void;
}

/**
 * Opens the message log in a data folder: SQLite in WAL mode, one writer thread
 * with group commit, one reader thread. Sequences are dense.
 *
 * @throws MessageLogError when the folder is in use, cannot be written, or holds
 * a log that is damaged.
 */
export async function openSqliteMessageLog(
  options: SqliteMessageLogOptions,
): Promise<SqliteMessageLog> {
  const { folder } = options;
  const lock = lockDataFolder(folder);
  const writerData: SqliteWriterData = {
    folder,
    newEpoch: options.newEpoch ?? false,
    sync: options.sync ?? "disk",
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
    const { epoch, warnings } = await opened<{ epoch: string; warnings: string[] }>(writer);
    const reader = start("./reader.ts", { folder });
    await opened(reader);
    // Once the caller has the log, and with it where to write warnings to.
    setImmediate(() => {
      for (const warning of warnings) {
        options.onWarning?.(warning);
      }
    });
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
  readonly #followers: Followers;
  readonly #commits: CommitQueue;
  readonly #reads: ReadQueue;
  /** Set when the log takes no more calls: closed, or a thread of it has died. */
  #ended: MessageLogError | undefined;
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
    this.#followers = new Followers((error) => onWarning?.(`a follower failed: ${error}`));
    this.#commits = new CommitQueue({
      send: (records) =>
        writer.postMessage({ type: "append", records } satisfies WriterRequest, [
          records.payloads.buffer,
        ]),
      onCommitted: (room, messages) =>
        this.#followers.deliver(room, () => ({
          // Sequences are dense.
          after: (messages[0] as StoredMessage).sequence - 1,
          frames: encodeFramePieces(messages),
        })),
    });
    this.#reads = new ReadQueue((query) => reader.postMessage({ query } satisfies ReaderRequest));
    writer.on("message", (response: WriterResponse) => {
      if (response.type === "warning") {
        onWarning?.(response.message);
      } else if (response.type === "appended") {
        this.#commits.onAppended(response.results);
      } else if (response.type === "failed") {
        this.#commits.onFailed(fromPlainError(response.error));
      }
    });
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
    return this.#ended ? Promise.reject(this.#ended) : this.#commits.append(records);
  }

  follow(room: string, follower: Follower): () => void {
    return this.#followers.add(room, follower);
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
    await this.#commits.drained();
    this.#end(this.#ended);
    await Promise.all([
      endWorker(this.#writer, { type: "close" } satisfies WriterRequest),
      endWorker(this.#reader, { type: "close" } satisfies ReaderRequest),
    ]);
    this.#lock.close();
  }

  #read<T>(query: ReaderQuery): Promise<T> {
    return this.#ended ? Promise.reject(this.#ended) : this.#reads.read(query);
  }

  #end(error: MessageLogError): void {
    this.#ended = error;
    this.#commits.end(error);
    this.#reads.end(error);
  }
}

export type { SqliteMessageLog };
