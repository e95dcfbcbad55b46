import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { endianness } from "node:os";

const headerBytes = 32;
const frameHeaderBytes = 24;

/** What a write-ahead log holds, as far as it can be told from its file. */
export interface WriteAheadLogState {
  /** How many transactions SQLite will recover from it. */
  readonly commits: number;
  /** How many transactions follow that it will not, because of damage before their end. */
  readonly commitsBeyondDamage: number;
}

/**
 * Looks at a write-ahead log before SQLite does, which takes the first frame whose checksum is
 * wrong for the end, and says nothing. That is right where the power failed within the last
 * transaction; where whole transactions follow, they were written, and something damaged them
 * (https://www.sqlite.org/fileformat2.html#walformat).
 */
export function inspectWriteAheadLog(file: string): WriteAheadLogState {
  const fd = openSync(file, "r");
  try {
    return inspect(fd);
  } finally {
    closeSync(fd);
  }
}

function inspect(fd: number): WriteAheadLogState {
  const fileBytes = fstatSync(fd).size;
  const header = Buffer.alloc(headerBytes);
  readSync(fd, header, 0, headerBytes, 0);
  const magic = header.readUInt32BE(0);
  const checksum = createChecksum((magic & 1) === 1);
  checksum.add(header.subarray(0, 24));
  const isHeaderWhole = magic >>> 1 === 0x377f0682 >>> 1 && checksum.matches(header, 24);
  // Nothing else tells the size of a page then: it is the one that SQLite takes by default.
  const pageBytes = isHeaderWhole ? header.readUInt32BE(8) : 4_096;
  const frame = Buffer.alloc(frameHeaderBytes + pageBytes);
  let isIntact = isHeaderWhole;
  let commits = 0;
  let commitsBeyondDamage = 0;
  for (let at = headerBytes; at + frame.length <= fileBytes; at += frame.length) {
    readSync(fd, frame, 0, frame.length, at);
    // Frames with another salt are left over from before the log last began anew.
    const isOfThisLog = !isHeaderWhole || frame.compare(header, 16, 24, 8, 16) === 0;
    if (isIntact) {
      checksum.add(frame.subarray(0, 8));
      checksum.add(frame.subarray(frameHeaderBytes));
      isIntact = isOfThisLog && checksum.matches(frame, 16);
    }
    const isCommit = frame.readUInt32BE(4) !== 0;
    if (isCommit && isIntact) {
      commits += 1;
    } else if (isCommit && isOfThisLog) {
      commitsBeyondDamage += 1;
    }
  }
  return { commits, commitsBeyondDamage };
}

/** SQLite's running checksum of a write-ahead log, over words of either byte order. */
function createChecksum(isBigEndian: boolean) {
  let first = 0;
  let second = 0;
  return {
    add(bytes: Buffer): void {
      // A view of whole words is ten times as fast as reading each of them.
      const copy = Uint8Array.from(bytes);
      if (isBigEndian !== (endianness() === "BE")) {
        Buffer.from(copy.buffer).swap32();
      }
      const words = new Uint32Array(copy.buffer);
      for (let index = 0; index < words.length; index += 2) {
        first = (first + (words[index] as number) + second) >>> 0;
        second = (second + (words[index + 1] as number) + first) >>> 0;
      }
    },
    matches(bytes: Buffer, at: number): boolean {
      return bytes.readUInt32BE(at) === first && bytes.readUInt32BE(at + 4) === second;
    },
  };
}
