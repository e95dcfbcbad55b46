import type { EncodedFrames } from "../log/encode-frames.ts";
import { FrameChunk } from "../log/frame-chunk.ts";
import type { MessageLog } from "../log/message-log.ts";

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
  readonly #pages = new Map<string, CachedPage>();
  #bytes = 0;

  constructor(log: MessageLog, maxBytes: number) {
    this.#log = log;
    this.#maxBytes = maxBytes;
  }

  /** The page after a sequence of a room. Its `loaded` rejects with a MessageLogError. */
  load(room: string, sequence: number): CachedPage {
    const key = `${sequence} ${room}`;
    const known = this.#pages.get(key);
    if (known) {
      return known;
    }
    const page = new CachedPage(this.#log.readFrames(room, sequence, pageLimit));
    this.#pages.set(key, page);
    page.loaded.then(
      () => {
        if (page.bytes === 0) {
          this.#pages.delete(key);
        }
        this.#bytes += page.bytes;
        this.#evict(page);
      },
      () => this.#pages.delete(key),
    );
    return page;
  }

  /** Empties the pages loaded first, but not the newest: whoever loads it gets to read it. */
  #evict(newest: CachedPage): void {
    for (const [key, page] of this.#pages) {
      if (this.#bytes <= this.#maxBytes) {
        return;
      }
      if (page !== newest && page.bytes > 0) {
        this.#bytes -= page.bytes;
        page.empty();
        this.#pages.delete(key);
      }
    }
  }
}

/** A page that is there when loaded, until the cache empties it. */
export class CachedPage {
  readonly loaded: Promise<void>;
  #chunk: FrameChunk | undefined;

  constructor(loading: Promise<EncodedFrames>) {
    this.loaded = loading.then((frames) => {
      this.#chunk = frames.ends.length > 0 ? new FrameChunk(frames) : undefined;
    });
  }

  get bytes(): number {
    return this.#chunk?.byteLength ?? 0;
  }

  /** The page's messages, unless the first one after the sequence is not among them. */
  chunkAfter(sequence: number): FrameChunk | undefined {
    return this.#chunk && this.#chunk.lastSequence > sequence ? this.#chunk : undefined;
  }

  empty(): void {
    this.#chunk = undefined;
  }
}
