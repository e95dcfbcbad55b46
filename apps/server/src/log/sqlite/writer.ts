import { parentPort, workerData } from "node:worker_threads";
import { isFailedSync, openForWriting } from "./database.ts";
import { MessageStore } from "./message-store.ts";
import { recordFields } from "./packed-records.ts";
import { RetentionSweep } from "./retention-sweep.ts";
import {
  type SqliteWriterData,
  toPlainError,
  type WriterRequest,
  type WriterResponse,
} from "./worker-messages.ts";

// The one writer of the SQLite engine, in a thread of its own: a commit waits
// for the disk.

function serve(data: SqliteWriterData): void {
  const port = parentPort;
  if (!port) {
    throw new Error("writer.ts runs in a worker thread");
  }
  const respond = (response: WriterResponse) => port.postMessage(response);
  const { database, warnings } = openForWriting(data.folder, data);
  const store = new MessageStore(database, data);
  const sweep = new RetentionSweep(store, data);

  const warn = (error: unknown) =>
    respond({ type: "warning", message: toPlainError(error).message });

  let slice: NodeJS.Immediate | undefined;
  let isPaused = false;
  /** Runs slices as immediates: what has arrived from the port has its turn before each. */
  const sweepSoon = () => {
    if (sweep.isDue && !isPaused) {
      slice ??= setImmediate(() => {
        slice = undefined;
        try {
          sweep.runSlice(Date.now());
        } catch (error) {
          throwIfSyncFailed(error);
          // What failed may fail for a while, as it does on a full disk.
          isPaused = true;
          warn(error);
        }
        sweepSoon();
      });
    }
  };
  const beginSweep = () => {
    isPaused = false;
    sweep.begin();
    sweepSoon();
  };
  // A tenth late is early enough: what expires is removed within 1.1 times its age.
  const periodMs = Math.min(data.retentionMs || data.idempotencyWindowMs, 600_000) / 10;
  const timer = setInterval(beginSweep, Math.max(periodMs, 100));

  port.on("messageerror", (error) => {
    // Its answer would be missed for ever: this thread has failed.
    throw error;
  });
  port.on("message", (request: WriterRequest) => {
    if (request.type === "close") {
      clearInterval(timer);
      clearImmediate(slice);
      try {
        store.close();
      } catch (error) {
        warn(error);
      }
      respond({ type: "closed" });
      port.close();
      return;
    }
    const { records } = request;
    try {
      respond({ type: "appended", results: store.append(records) });
    } catch (error) {
      throwIfSyncFailed(error);
      respond({ type: "failed", error: toPlainError(error) });
      return;
    }
    const { rooms, fields, payloads } = records;
    try {
      sweep.onAppended(rooms, fields.length / recordFields, payloads.byteLength);
    } catch (error) {
      warn(error);
    }
    sweepSoon();
  });
  respond({ type: "opened", epoch: store.epoch, warnings });
  beginSweep();
}

/**
 * What a failed sync left on the disk is unknown, and asking again would not tell: this thread
 * dies, and recovery writes anew whatever it reads back.
 */
function throwIfSyncFailed(error: unknown): void {
  if (isFailedSync(error)) {
    throw error;
  }
}

serve(workerData as SqliteWriterData);
