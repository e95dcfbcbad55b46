import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DiskEvent } from "./disk-trace.ts";
import type { SeededRandom } from "./seeded-random.ts";

type Change = Extract<DiskEvent, { type: "write" | "resize" }>;

/**
 * What becomes of a write that was not synced. "torn": each sector or page of it for itself
 * is there or not; "zeros": the file has grown for it, but its bytes never arrived.
 */
type Fate = "kept" | "lost" | "torn" | "zeros";

interface Inode {
  bytes: Buffer;
  length: number;
  unsynced: Change[];
}

/** What of the unsynced writes the disk has when the power fails. */
export const failureVariants = ["none", "all", "ordered", "any", "torn", "mostly"] as const;
export type FailureVariant = (typeof failureVariants)[number];

/**
 * A disk with a cache that the power takes away. What was synced stays; of what was written
 * since the last sync of its file any part may be there, in any order, and so may files that
 * were created or removed since the last sync of their folder.
 */
export class FailingDisk {
  readonly #durable = new Map<string, Inode>();
  readonly #current = new Map<string, Inode>();
  #unsyncedNames: { readonly file: string; readonly inode: Inode | undefined }[] = [];

  apply(event: DiskEvent): void {
    switch (event.type) {
      case "create":
        this.#name(event.file, { bytes: Buffer.alloc(0), length: 0, unsynced: [] });
        return;
      case "remove":
        this.#name(event.file, undefined);
        return;
      case "write":
      case "resize":
        this.#inode(event.file).unsynced.push(event);
        return;
      case "sync": {
        const inode = this.#inode(event.file);
        for (const change of inode.unsynced) {
          applyChange(inode, change);
        }
        inode.unsynced = [];
        return;
      }
      case "syncFolder":
        for (const { file, inode } of this.#unsyncedNames) {
          setOrDelete(this.#durable, file, inode);
        }
        this.#unsyncedNames = [];
    }
  }

  /** Writes to a folder what the disk may hold if the power fails now. */
  failInto(folder: string, variant: FailureVariant, random: SeededRandom): void {
    const names = new Map(this.#durable);
    for (const { file, inode } of this.#unsyncedNames) {
      if (variant === "all" || (variant !== "none" && random.next() < 0.5)) {
        setOrDelete(names, file, inode);
      }
    }
    for (const [file, inode] of names) {
      const image = {
        bytes: Buffer.from(inode.bytes.subarray(0, inode.length)),
        length: inode.length,
      };
      const fates = fatesOf(inode.unsynced.length, variant, random);
      for (const [index, change] of inode.unsynced.entries()) {
        applyFate(image, change, fates(index), random);
      }
      writeFileSync(join(folder, file), image.bytes.subarray(0, image.length));
    }
  }

  #name(file: string, inode: Inode | undefined): void {
    setOrDelete(this.#current, file, inode);
    this.#unsyncedNames.push({ file, inode });
  }

  #inode(file: string): Inode {
    const inode = this.#current.get(file);
    if (!inode) {
      throw new Error(`${file} was not created within the trace`);
    }
    return inode;
  }
}

function setOrDelete(names: Map<string, Inode>, file: string, inode: Inode | undefined): void {
  if (inode) {
    names.set(file, inode);
  } else {
    names.delete(file);
  }
}

function fatesOf(
  count: number,
  variant: FailureVariant,
  random: SeededRandom,
): (index: number) => Fate {
  switch (variant) {
    case "none":
      return () => "lost";
    case "all":
      return () => "kept";
    case "ordered": {
      const kept = random.below(count + 1);
      return (index) => (index < kept ? "kept" : index === kept ? "torn" : "lost");
    }
    case "any":
      return () => random.pick<Fate>(["kept", "lost"]);
    case "torn":
      return () => random.pick<Fate>(["kept", "lost", "torn", "zeros"]);
    case "mostly": {
      const missing = random.below(count + 1);
      return (index) => (index === missing ? random.pick<Fate>(["lost", "torn", "zeros"]) : "kept");
    }
  }
}

type Image = Pick<Inode, "bytes" | "length">;

function applyFate(image: Image, change: Change, fate: Fate, random: SeededRandom): void {
  if (fate === "lost") {
    return;
  }
  if (fate === "kept" || change.type === "resize") {
    applyChange(image, change);
    return;
  }
  const { offset, bytes } = change;
  reserve(image, offset + bytes.length);
  if (fate === "zeros") {
    image.length = Math.max(image.length, offset + bytes.length);
    return;
  }
  const unit = random.pick([512, 4_096]);
  for (let start = offset; start < offset + bytes.length; ) {
    const end = Math.min(offset + bytes.length, (Math.floor(start / unit) + 1) * unit);
    if (random.next() < 0.5) {
      applyChange(image, {
        ...change,
        offset: start,
        bytes: bytes.subarray(start - offset, end - offset),
      });
    }
    start = end;
  }
}

function applyChange(image: Image, change: Change): void {
  if (change.type === "resize") {
    reserve(image, change.bytes);
    image.bytes.fill(0, change.bytes, Math.max(change.bytes, image.length));
    image.length = change.bytes;
    return;
  }
  const end = change.offset + change.bytes.length;
  reserve(image, end);
  image.bytes.set(change.bytes, change.offset);
  image.length = Math.max(image.length, end);
}

/** Makes room; what lies between the end and what is written behind it reads as zeros. */
function reserve(image: Image, length: number): void {
  if (image.bytes.length < length) {
    const bytes = Buffer.alloc(Math.max(length, image.bytes.length * 2));
    image.bytes.copy(bytes);
    image.bytes = bytes;
  }
}
