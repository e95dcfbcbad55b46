import type { Frames } from "../log/frames.ts";
import type { FramesPage, MessageLog } from "../log/message-log.ts";

const pageLimit = { messages: 500, bytes: 64 * 1024 };

/**
 * Pages of the log for readers behind the tail, bounded in bytes for all of them
 * together. A reader holds no messages, only a page that the cache may empty
 * when others need the space: then the reader loads again from its position.
 * Readers at the same position share a page.
 */
export class PageCache {
  readonly #log: MessageLog;
  readonly #maxBytes: number;
  /** Those that others can share, by their keys. */
  readonly #pages = new Map<string, CachedPage>();
  /** Those that hold messages, in the order in which they were loaded. */
  readonly #loaded = new Map<CachedPage, string>();
  #bytes = 0;

  constructor(log: MessageLog, maxBytes: number) {
    this.#log = log;
    this.#maxBytes = maxBytes;
  }

  /**
   * The page after a sequence of a room, or from its oldest message on. Its `loaded` rejects
   * with a MessageLogError.
   */
  load(room: string, from: number | "oldest"): CachedPage {
    const key = keyOf(room, from);
    const known = this.#pages.get(key);
    if (known) {
      return known;
    }
    const page = new CachedPage(this.#log.readFrames(room, from, pageLimit));
    this.#pages.set(key, page);
    page.loaded.then(
      () => {
        // It may be taken by now: pages from the oldest message on meet others there.
        const keyAfter = keyOf(room, page.after);
        if (from === "oldest") {
          this.#pages.delete(key);
        }
        if (page.bytes === 0) {
          this.#pages.delete(keyAfter);
          return;
        }
        if (!this.#pages.has(keyAfter)) {
          this.#pages.set(keyAfter, page);
        }
        this.#loaded.set(page, keyAfter);
        this.#bytes += page.bytes;
        this.#evict(page);
      },
      () => this.#pages.delete(key),
    );
    return page;
  }

  /** Empties the pages loaded first, but not the newest: whoever loads it gets to read it. */
  #evict(newest: CachedPage): void {
    for (const [page, key] of this.#loaded) {
      if (this.#bytes <= this.#maxBytes) {
        return;
      }
      if (page !== newest) {
        this.#bytes -= page.bytes;
        page.empty();
        this.#loaded.delete(page);
        if (this.#pages.get(key) === page) {
          this.#pages.delete(key);
        }
      }
    }
  }
}

function keyOf(room: string, from: number | "oldest"): string {
  return `${from} ${room}`;
}

/** A page that is there when loaded, until the cache empties it. */
export class CachedPage {
  readonly loaded: Promise<void>;
  #after = 0;
  #chunk: Frames | undefined;

  constructor(loading: Promise<FramesPage>) {
    this.loaded = loading.then(({ after, frames }) => {
      this.#after = after;
      this.#chunk = frames;
    });
  }

  /** The sequence that the page follows on. */
  get after(): number {
    return this.#after;
  }

  /** What it holds in memory. */
  get bytes(): number {
    return this.#chunk?.heldBytes ?? 0;
  }

  /** The page's messages, unless the first one after the sequence is not among them. */
  chunkAfter(sequence: number): Frames | undefined {
    return this.#chunk && this.#chunk.lastSequence > sequence ? this.#chunk : undefined;
  }

  empty(): void {
    this.#chunk = undefined;
  }
}
