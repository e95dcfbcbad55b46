import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { MessageLogError } from "../message-log.ts";
import { inspectWriteAheadLog, type WriteAheadLogState } from "./write-ahead-log.ts";

/**
 * Refuses a database whose write-ahead log SQLite would misunderstand: it would drop
 * transactions without a word, or apply those of another database. Nothing is written, so
 * that whoever repairs it has all there is.
 *
 * @param isLossAccepted - whether transactions that cannot be read may be dropped
 * @throws MessageLogError "damaged"
 */
export function refuseDamage(file: string, { isLossAccepted }: { isLossAccepted: boolean }): void {
  const logFile = `${file}-wal`;
  if (sizeOf(logFile) === 0) {
    return;
  }
  const { commits, commitsBeyondDamage } = inspect(logFile);
  const goOn = "restore a backup, or start once with --new-epoch to go on without them";
  // One may have been under way when the power failed.
  if (commitsBeyondDamage > 1 && !isLossAccepted) {
    throw damaged(
      `${logFile} is damaged: ${commitsBeyondDamage} transactions or more cannot be read; ${goOn}`,
    );
  }
  if (commits > 1 && isEmptyDatabase(file) && !isLossAccepted) {
    throw damaged(
      `${file} is empty, though ${logFile} holds ${commits} transactions of it; ${goOn}`,
    );
  }
  // A new epoch may itself be the one transaction there is.
  if (commits > 1) {
    const ownEpoch = readEpoch(`${pathToFileURL(file)}?immutable=1`);
    const epoch = readEpoch(file);
    if (ownEpoch !== undefined && epoch !== ownEpoch) {
      throw damaged(
        `${logFile} does not belong to ${file}: remove it if the database was restored without it`,
      );
    }
  }
}

function inspect(logFile: string): WriteAheadLogState {
  try {
    return inspectWriteAheadLog(logFile);
  } catch (error) {
    const reason = `cannot read ${logFile}: ${(error as Error).message}`;
    throw new MessageLogError("unavailable", reason, { cause: error });
  }
}

/** The epoch of the database, which is opened for reading only; undefined if it has none. */
function readEpoch(location: string): string | undefined {
  try {
    const database = new DatabaseSync(location, { readOnly: true });
    try {
      return String(database.prepare("SELECT epoch FROM log").get()?.epoch);
    } finally {
      database.close();
    }
  } catch {
    return undefined;
  }
}

/** Whether SQLite takes this for a database yet to be made: also one byte is nothing to it. */
export function isEmptyDatabase(file: string): boolean {
  return sizeOf(file) <= 1;
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}

function damaged(message: string): MessageLogError {
  return new MessageLogError("damaged", message);
}
