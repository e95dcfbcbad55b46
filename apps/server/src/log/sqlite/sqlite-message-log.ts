import type { DatabaseSync } from "node:sqlite";
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
import { LogThread } from "./log-thread.ts";
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
  const warn = (message: string) => quietly(() => options.onWarning?.(message));
  let log: SqliteMessageLog | undefined;
  let failed: MessageLogError | undefined;
  const onFailure = (error: MessageLogError) => {
    failed ??= error;
    if (log) {
      log.fail(error);
      quietly(() => options.onFailure?.(error));
    }
  };
  const writer: WriterThread = new LogThread(new URL("./writer.ts", import.meta.url), writerData, {
    onMessage: (response) =>
      response.type === "warning" ? warn(response.message) : log?.onWriter(response),
    onFailure,
  });
  const threads: (WriterThread | ReaderThread)[] = [writer];
  try {
    const opened = await writer.opened;
    const readerData: SqliteWorkerData = { folder };
    const reader: ReaderThread = new LogThread(
      new URL("./reader.ts", import.meta.url),
      readerData,
      { onMessage: (response) => log?.onReader(response), onFailure },
    );
    threads.push(reader);
    await reader.opened;
    if (failed) {
      throw failed;
    }
    const { epoch, warnings } = opened.type === "opened" ? opened : { epoch: "", warnings: [] };
    // Once the caller has the log, and with it where to write warnings to.
    setImmediate(() => warnings.forEach(warn));
    log = new SqliteMessageLog(epoch, { lock, writer, reader, warn });
    return log;
  } catch (error) {
    await Promise.all(threads.map((thread) => thread.terminate()));
    lock.close();
    throw error;
  }
}

/** Calls whoever is told of a trouble, who is not to make more of it. */
function quietly(call: () => void): void {
  try {
    call();
  } catch {}
}

type WriterThread = LogThread<WriterRequest, WriterResponse>;
type ReaderThread = LogThread<ReaderRequest, ReaderResponse>;

interface Parts {
  readonly lock: DatabaseSync;
  readonly writer: WriterThread;
  readonly reader: ReaderThread;
  readonly warn: (message: string) => void;
}

class SqliteMessageLog implements MessageLog {
  readonly epoch: string;
  readonly #parts: Parts;
  readonly #followers: Followers;
  readonly #commits: CommitQueue;
  readonly #reads: ReadQueue;
  /** Set when the log takes no more calls: closed, or a thread of it has failed. */
  #ended: MessageLogError | undefined;
  #closed: Promise<void> | undefined;

  constructor(epoch: string, parts: Parts) {
    this.epoch = epoch;
    this.#parts = parts;
    const { writer, reader, warn } = parts;
    this.#followers = new Followers((error) => warn(`a follower of a room failed: ${error}`));
    this.#commits = new CommitQueue({
      send: (records) => writer.send({ type: "append", records }, [records.payloads.buffer]),
      onCommitted: (room, messages) =>
        this.#followers.deliver(room, () => ({
          // Sequences are dense.
          after: (messages[0] as StoredMessage).sequence - 1,
          frames: encodeFramePieces(messages),
        })),
    });
    this.#reads = new ReadQueue((query) => reader.send({ query }));
  }

  /** Takes what the writer answers. */
  onWriter(response: WriterResponse): void {
    if (response.type === "appended") {
      this.#commits.onAppended(response.results);
    } else if (response.type === "failed") {
      this.#commits.onFailed(fromPlainError(response.error));
    }
  }

  /** Takes what the reader answers. */
  onReader(response: ReaderResponse): void {
    if (!("type" in response)) {
      this.#reads.onResponse(response);
    }
  }

  /** Fails every call, those to come too. */
  fail(error: MessageLogError): void {
    this.#ended = error;
    this.#commits.end(error);
    this.#reads.end(error);
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
    const { lock, writer, reader } = this.#parts;
    this.#ended ??= new MessageLogError("unavailable", "the message log is closed");
    await this.#commits.drained();
    this.fail(this.#ended);
    await Promise.all([writer.end({ type: "close" }), reader.end({ type: "close" })]);
    lock.close();
  }

  #read<T>(query: ReaderQuery): Promise<T> {
    return this.#ended ? Promise.reject(this.#ended) : this.#reads.read(query);
  }
}

export type { SqliteMessageLog };
