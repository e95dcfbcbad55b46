import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";

/**
 * The marker of a data folder whose log acknowledges what the disk may not hold: a file that
 * names the boot of the machine. It tells the next start whether the machine went down
 * meanwhile, with it perhaps messages that were acknowledged, and their sequences are about to
 * be given to others.
 */
function markerPath(folder: string): string {
  return join(folder, "unsynced");
}

/** Sets the marker. It is on disk when this returns. */
export function markUnsynced(folder: string): void {
  const fd = openSync(markerPath(folder), "w");
  try {
    writeSync(fd, currentBoot(), 0);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  syncFolder(folder);
}

/** Takes the marker away, when the disk holds everything; without one nothing is done. */
export function clearUnsynced(folder: string): void {
  if (existsSync(markerPath(folder))) {
    rmSync(markerPath(folder), { force: true });
    syncFolder(folder);
  }
}

/** "no" without a marker, "kept" if the machine is up since it was set, else "lost". */
export function unsyncedState(folder: string): "no" | "kept" | "lost" {
  let markedBoot: string;
  try {
    markedBoot = readFileSync(markerPath(folder), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      return "no";
    }
    throw error;
  }
  return markedBoot !== "" && markedBoot === currentBoot() ? "kept" : "lost";
}

/** Makes files that were created in a folder, or removed from it, stay so after a power failure. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Empty where the system does not tell: then no two starts count as of one boot. */
function currentBoot(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return "";
  }
}
