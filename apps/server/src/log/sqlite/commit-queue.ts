import {
  type AppendRecord,
  type AppendResult,
  MessageLogError,
  type StoredMessage,
} from "../message-log.ts";
import {
  groupByRoom,
  type PackedRecords,
  type PackedResults,
  packRecords,
  type RoomRecords,
  resultAt,
  resultFields,
} from "./packed-records.ts";

interface Append {
  readonly records: readonly AppendRecord[];
  readonly bytes: number;
  readonly resolve: (results: AppendResult[]) => void;
  readonly reject: (error: MessageLogError) => void;
}

/** What the writer has. */
interface Commit {
  readonly appends: readonly Append[];
  readonly groups: readonly RoomRecords[];
}

export interface CommitQueueOptions {
  /** Hands records to the writer, which answers with `onAppended` or `onFailed`. */
  readonly send: (records: PackedRecords) => void;
  /** Told what a room got, before the appends that it is of resolve. Must not throw. */
  readonly onCommitted: (room: string, messages: readonly StoredMessage[]) => void;
}

/** What one commit takes at most, a single larger append aside. */
const maxCommitRecords = 8_192;
const maxCommitBytes = 16 * 1024 * 1024;
/** What may wait for the writer before appends are refused. */
const maxWaitingBytes = 256 * 1024 * 1024;
/** What a record costs beside its payload, roughly. */
const recordOverheadBytes = 256;

/** The appends of a log on their way to its writer: all that wait while it commits go next. */
export class CommitQueue {
  readonly #options: CommitQueueOptions;
  #waiting: Append[] = [];
  #committing: Commit | undefined;
  /** Of both. */
  #bytes = 0;
  #isCommitDue = false;
  #onDrained: (() => void) | undefined;

  constructor(options: CommitQueueOptions) {
    this.#options = options;
  }

  /**
   * Resolves when all records are durable.
   *
   * @throws MessageLogError what the writer throws; "overloaded" when too much waits.
   */
  append(records: readonly AppendRecord[]): Promise<AppendResult[]> {
    if (records.length === 0) {
      return Promise.resolve([]);
    }
    if (this.#bytes > maxWaitingBytes) {
      return Promise.reject(
        new MessageLogError("overloaded", "too many messages wait to be written"),
      );
    }
    return new Promise((resolve, reject) => {
      let bytes = records.length * recordOverheadBytes;
      for (const { payload } of records) {
        bytes += payload.byteLength;
      }
      this.#waiting.push({ records, bytes, resolve, reject });
      this.#bytes += bytes;
      this.#commitSoon();
    });
  }

  /** Resolves when nothing waits any more. */
  async drained(): Promise<void> {
    if (this.#committing || this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        this.#onDrained = resolve;
      });
    }
  }

  /** Takes the results of the records that the writer has. */
  onAppended(packed: PackedResults): void {
    const { appends, groups } = this.#takeCommitting();
    const results: AppendResult[] = new Array(packed.length / resultFields);
    let index = 0;
    for (const { room, records, places } of groups) {
      const messages: StoredMessage[] = [];
      for (let at = 0; at < records.length; at++) {
        const result = resultAt(packed, index);
        const { sequence, serial, duplicate } = result;
        index += 1;
        results[places[at] as number] = result;
        if (!duplicate) {
          messages.push({ sequence, serial, payload: (records[at] as AppendRecord).payload });
        }
      }
      if (messages.length > 0) {
        this.#options.onCommitted(room, messages);
      }
    }
    let place = 0;
    for (const { records, resolve } of appends) {
      resolve(results.slice(place, place + records.length));
      place += records.length;
    }
  }

  /** Takes why the records that the writer has were not stored. */
  onFailed(error: MessageLogError): void {
    for (const { reject } of this.#takeCommitting().appends) {
      reject(error);
    }
  }

  /** Fails every append that is not answered yet. */
  end(error: MessageLogError): void {
    const appends = [...(this.#committing?.appends ?? []), ...this.#waiting];
    this.#committing = undefined;
    this.#waiting = [];
    this.#bytes = 0;
    for (const { reject } of appends) {
      reject(error);
    }
    this.#onDrained?.();
  }

  /**
   * Sends what waits to the writer at the end of the turn, so that all that arrived in it
   * shares a commit. Not while a commit runs: what comes then gathers for the next, which
   * follows at once.
   */
  #commitSoon(): void {
    if (!this.#isCommitDue && !this.#committing) {
      this.#isCommitDue = true;
      setImmediate(() => {
        this.#isCommitDue = false;
        this.#commit();
      });
    }
  }

  #commit(): void {
    // The queue may have ended meanwhile.
    if (this.#waiting.length === 0) {
      return;
    }
    let records = 0;
    let bytes = 0;
    let count = 0;
    for (const append of this.#waiting) {
      records += append.records.length;
      bytes += append.bytes;
      if (count > 0 && (records > maxCommitRecords || bytes > maxCommitBytes)) {
        break;
      }
      count += 1;
    }
    const appends = this.#waiting.splice(0, count);
    this.#committing = { appends, groups: [] };
    try {
      const groups = groupByRoom(appends.map((append) => append.records));
      this.#committing = { appends, groups };
      this.#options.send(packRecords(groups));
    } catch (error) {
      const cause = { cause: error };
      this.onFailed(new MessageLogError("unavailable", `cannot write: ${error}`, cause));
    }
  }

  #takeCommitting(): Commit {
    const committing = this.#committing ?? { appends: [], groups: [] };
    this.#committing = undefined;
    for (const { bytes } of committing.appends) {
      this.#bytes -= bytes;
    }
    if (this.#waiting.length > 0) {
      this.#commit();
    } else {
      this.#onDrained?.();
    }
    return committing;
  }
}
