import { createReadStream } from "node:fs";
import { basename, dirname } from "node:path";

/** What a server asked of the disk, or told its clients, in the order in which it did. */
export type DiskEvent =
  | { readonly type: "create" | "remove" | "sync"; readonly file: string }
  | {
      readonly type: "write";
      readonly file: string;
      readonly offset: number;
      readonly bytes: Uint8Array;
    }
  | { readonly type: "resize"; readonly file: string; readonly bytes: number }
  | { readonly type: "syncFolder" }
  | { readonly type: "tell"; readonly numbers: readonly number[] };

/** The system calls to trace: those that change files, make them durable, or write to sockets. */
const systemCalls = [
  ...["openat", "open", "creat", "unlink", "unlinkat", "rename", "renameat", "renameat2"],
  ...["pwrite64", "pwritev", "pwritev2", "ftruncate", "truncate", "fallocate"],
  ...["fsync", "fdatasync", "sync_file_range", "write", "writev", "sendto", "sendmsg"],
];

/** The arguments that make strace record what `readDiskTrace` reads. */
export function diskTraceArguments(traceFile: string): string[] {
  const strings = ["-xx", "--string-limit=33554432"];
  const trace = `trace=${systemCalls.join(",")}`;
  return [
    "-f",
    "--seccomp-bpf",
    "-y",
    ...strings,
    "-e",
    trace,
    "-e",
    "signal=none",
    "-o",
    traceFile,
  ];
}

/**
 * Reads what a server did to its data folder, and when it told a client of a message.
 *
 * All of it stands in one order, that of strace, which stops a thread at each of these calls
 * and lets it go on only when the line is written. A write counts from its entry, since parts
 * of it may reach the disk from then on. A sync counts from its return. A client is told from
 * the entry of the write to its socket, so nothing that it may have received counts as untold.
 * What is told is found in the bytes themselves: every message's id, "msg_<number>".
 *
 * The shared memory of SQLite's WAL index is left out: it is mapped, not written, and SQLite
 * makes it anew when the first connection opens the database.
 */
export async function readDiskTrace(traceFile: string, folder: string): Promise<DiskEvent[]> {
  const reader = new TraceReader(folder);
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(traceFile, { highWaterMark: 1 << 24 })) {
    const text: Buffer = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
    let start = 0;
    for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, start)) {
      reader.read(text.subarray(start, end));
      start = end + 1;
    }
    rest = text.subarray(start);
  }
  return reader.events;
}

class TraceReader {
  readonly events: DiskEvent[] = [];
  readonly #folder: string;
  readonly #existing = new Set<string>();
  /** By thread: what happens when the call that it is in returns. */
  readonly #unfinished = new Map<string, (result: number) => void>();
  readonly #writers = new Map<string, string>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  read(line: Buffer): void {
    const head = line.toString("latin1", 0, Math.min(line.length, 4_096));
    const [, thread = "", resumed, name = ""] =
      /^(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()/.exec(head) ?? [];
    const tail = line.toString("latin1", Math.max(0, line.length - 200));
    if (resumed !== undefined) {
      this.#unfinished.get(thread)?.(resultOf(tail));
      this.#unfinished.delete(thread);
    } else if (name !== "") {
      const onReturn = this.#enter(thread, name, head, line);
      if (onReturn && / <unfinished \.\.\.>$/.test(tail)) {
        this.#unfinished.set(thread, onReturn);
      } else {
        onReturn?.(resultOf(tail));
      }
    }
  }

  #enter(
    thread: string,
    name: string,
    head: string,
    line: Buffer,
  ): ((result: number) => void) | undefined {
    if (name.startsWith("open") || name.startsWith("unlink")) {
      return this.#enterByPath(name, head);
    }
    const target = /^\d+ +\w+\(\d+<([^>]*)>/.exec(head)?.[1];
    const path = target === undefined ? "" : decodeHex(target);
    if (path.startsWith("socket:")) {
      const numbers = messageNumbers(stringsOf(line));
      if (numbers.length > 0) {
        this.events.push({ type: "tell", numbers });
      }
      return undefined;
    }
    if (path === this.#folder && name.endsWith("sync")) {
      return (result) => this.#onSuccess(result, { type: "syncFolder" });
    }
    const file = this.#fileOf(path);
    if (file === undefined) {
      return undefined;
    }
    // Then no write is under way while its file is synced, which would not be covered.
    if ((this.#writers.get(file) ?? thread) !== thread) {
      throw new Error(`two threads write ${file}`);
    }
    this.#writers.set(file, thread);
    switch (name) {
      case "fsync":
      case "fdatasync":
        return (result) => this.#onSuccess(result, { type: "sync", file });
      case "pwrite64": {
        const bytes = stringsOf(line);
        const offset = Number(
          /, (\d+)(?:\) += \S+| <unfinished \.\.\.>)$/.exec(lineEnd(line))?.[1],
        );
        this.events.push({ type: "write", file, offset, bytes });
        return (result) => {
          if (result !== bytes.length || !Number.isSafeInteger(offset)) {
            throw new Error(`a write that is not understood: ${head.slice(0, 200)}`);
          }
        };
      }
      case "ftruncate": {
        const bytes = Number(/, (\d+)/.exec(head)?.[1]);
        this.events.push({ type: "resize", file, bytes });
        return () => {};
      }
      default:
        throw new Error(`${name} on ${file} is not understood`);
    }
  }

  #enterByPath(name: string, head: string): ((result: number) => void) | undefined {
    const path = /"([^"]*)"/.exec(head)?.[1];
    const file = path === undefined ? undefined : this.#fileOf(decodeHex(path));
    if (file === undefined) {
      return undefined;
    }
    if (name.startsWith("unlink")) {
      return (result) => {
        if (result === 0) {
          this.#existing.delete(file);
          this.#writers.delete(file);
          this.events.push({ type: "remove", file });
        }
      };
    }
    return (result) => {
      if (result < 0) {
        return;
      }
      if (this.#existing.has(file)) {
        if (head.includes("O_TRUNC")) {
          this.events.push({ type: "resize", file, bytes: 0 });
        }
      } else if (head.includes("O_CREAT")) {
        this.#existing.add(file);
        this.events.push({ type: "create", file });
      }
    };
  }

  #onSuccess(result: number, event: DiskEvent): void {
    if (result === 0) {
      this.events.push(event);
    }
  }

  /** The name of a file of the folder, if the path is one that counts. */
  #fileOf(path: string): string | undefined {
    return dirname(path) === this.#folder && !path.endsWith("-shm") ? basename(path) : undefined;
  }
}

function lineEnd(line: Buffer): string {
  return line.toString("latin1", Math.max(0, line.length - 200));
}

function resultOf(tail: string): number {
  return Number(/ = (-?\d+)[^"=]*$/.exec(tail)?.[1] ?? Number.NaN);
}

function decodeHex(text: string): string {
  return Buffer.from(text.replaceAll("\\x", ""), "hex").toString();
}

/** The bytes of all strings of a line, each written as "\x00\x01". */
function stringsOf(line: Buffer): Uint8Array {
  const bytes = Buffer.alloc(line.length / 4);
  let length = 0;
  let at = line.indexOf(34);
  while (at >= 0) {
    at += 1;
    for (; line[at] === 92; at += 4) {
      bytes[length] = (digit(line[at + 2] as number) << 4) | digit(line[at + 3] as number);
      length += 1;
    }
    if (line[at] !== 34 || line[at + 1] === 46) {
      throw new Error("a string that is not whole");
    }
    at = line.indexOf(34, at + 1);
  }
  return Uint8Array.prototype.slice.call(bytes, 0, length);
}

function digit(code: number): number {
  return code < 58 ? code - 48 : code - 87;
}

/** The numbers of all message ids in protobuf's wire form: field 1, the length, and the text. */
function messageNumbers(bytes: Uint8Array): number[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const numbers: number[] = [];
  for (let at = buffer.indexOf("msg_"); at >= 0; at = buffer.indexOf("msg_", at + 1)) {
    const length = buffer[at - 1] as number;
    const text = buffer.toString("latin1", at + 4, at + length);
    if (buffer[at - 2] === 0x0a && /^\d+$/.test(text)) {
      numbers.push(Number(text));
    }
  }
  return numbers;
}
