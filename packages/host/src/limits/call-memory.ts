import { maxTimerMs } from "../calls/clamp-timeout.ts";

/** Options for {@link CallMemory}. */
export interface CallMemoryOptions {
  /**
   * How many bytes the calls of one connection may hold: of requests that have not arrived
   * whole, and of answers that their caller has not taken. Default 67_108_864.
   */
  readonly maxConnectionBytes?: number;
  /**
   * The same for all connections together. Requests that have not arrived whole may take half
   * of it. What JavaScript takes for them is about twice as much. Default 268_435_456.
   */
  readonly maxTotalBytes?: number;
  /**
   * How long something may be held while others find no room, in milliseconds, before its
   * connection is destroyed: else a few that take nothing would stop all. Default 5_000.
   */
  readonly maxHoldMs?: number;
}

/** How long a connection that is destroyed may take to let go before others are. */
const minEvictionMs = 100;

/** What a connection holds that keeps its part small. */
const littleBytes = 1024 * 1024;

/** What is held for a connection. */
interface Account {
  readonly connection: object;
  bytes: number;
  readonly waiting: Waiter[];
}

interface Waiter {
  readonly hold: Hold;
  readonly bytes: number;
  readonly resolve: () => void;
}

/**
 * Bounds what calls hold in memory because their callers are slow, by connection and in all.
 * What fits is counted; who would hold more waits, before it has loaded anything, or is
 * refused.
 *
 * Waiting is by connection, in order: those of one whose caller does not read do not stand in
 * front of others.
 */
export class CallMemory {
  readonly #maxConnectionBytes: number;
  readonly #maxTotalBytes: number;
  readonly #maxHoldMs: number;
  readonly #accounts = new WeakMap<object, Account>();
  /** In the order in which they began to hold something. */
  readonly #holds = new Set<Hold>();
  /** Accounts with room of their own, that wait for room among all. */
  readonly #waitingForOthers = new Set<Account>();
  #totalBytes = 0;
  /** Accounts that hold more than they may. */
  #fullCount = 0;
  #evictionTimer: NodeJS.Timeout | undefined;

  constructor(options: CallMemoryOptions = {}) {
    this.#maxConnectionBytes = options.maxConnectionBytes ?? 64 * 1024 * 1024;
    this.#maxTotalBytes = options.maxTotalBytes ?? 256 * 1024 * 1024;
    this.#maxHoldMs = options.maxHoldMs ?? 5_000;
  }

  /** What is held for all connections, in bytes. */
  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Whether any connection, or all together, hold more than they may. */
  get isTight(): boolean {
    return this.#fullCount > 0 || this.#totalBytes > this.#maxTotalBytes;
  }

  /** Begins to count what one call holds. Nothing is held at first. */
  open(connection: object): Hold {
    let account = this.#accounts.get(connection);
    if (!account) {
      account = { connection, bytes: 0, waiting: [] };
      this.#accounts.set(connection, account);
    }
    return new Hold(this, account);
  }

  /** Whether a connection may hold so many bytes more. One that holds nothing may hold any. */
  fits({ bytes }: Account, more: number): boolean {
    return bytes === 0 || bytes + more <= this.#maxConnectionBytes;
  }

  /**
   * Whether there is so much room among all. A connection that holds little need not have any
   * to go on with what is small: those who take all there is do not stop everybody.
   */
  fitsAmongAll({ bytes }: Account, more: number): boolean {
    return (
      this.#totalBytes === 0 ||
      this.#totalBytes + more <= this.#maxTotalBytes ||
      (more === 0 && bytes <= littleBytes)
    );
  }

  /** Whether so much of a request fits: what does not end must not stop answers. */
  fitsAsRequest(more: number): boolean {
    return this.#totalBytes === 0 || this.#totalBytes + more <= this.#maxTotalBytes / 2;
  }

  /** Counts by how much a hold has changed, whether it fits or not. */
  change(hold: Hold, account: Account, difference: number): void {
    const wasFull = account.bytes > this.#maxConnectionBytes;
    account.bytes += difference;
    this.#fullCount += Number(account.bytes > this.#maxConnectionBytes) - Number(wasFull);
    this.#totalBytes += difference;
    if (hold.bytes > 0) {
      this.#holds.add(hold);
    } else {
      this.#holds.delete(hold);
    }
    if (difference < 0) {
      this.#grant(account);
      for (const other of this.#waitingForOthers) {
        this.#grant(other);
      }
    }
  }

  wait(account: Account, waiter: Waiter): void {
    account.waiting.push(waiter);
    this.#grant(account);
  }

  leave(account: Account, hold: Hold): void {
    const left = account.waiting.filter((waiter) => waiter.hold === hold);
    if (left.length > 0) {
      const others = account.waiting.filter((waiter) => waiter.hold !== hold);
      account.waiting.splice(0, account.waiting.length, ...others);
      for (const { resolve } of left) {
        resolve();
      }
      this.#grant(account);
    }
  }

  /**
   * Makes room among all in time: connections of what is held for too long are destroyed, the
   * oldest first, until there is as much as those who wait ask for.
   */
  evictLater(): void {
    const [oldest] = this.#holds;
    if (this.#evictionTimer || !oldest) {
      return;
    }
    const dueMs = oldest.sinceMs + this.#maxHoldMs - performance.now();
    this.#evictionTimer = setTimeout(
      () => {
        this.#evictionTimer = undefined;
        this.#evict();
        if (this.#waitingForOthers.size > 0) {
          this.evictLater();
        }
      },
      Math.min(Math.max(dueMs, minEvictionMs), maxTimerMs),
    ).unref();
  }

  #evict(): void {
    let wantedBytes = 1;
    for (const { waiting } of this.#waitingForOthers) {
      wantedBytes += waiting[0]?.bytes ?? 0;
    }
    const staleMs = performance.now() - this.#maxHoldMs;
    for (const hold of this.#holds) {
      if (wantedBytes <= 0 || hold.sinceMs > staleMs) {
        return;
      }
      wantedBytes -= hold.bytes;
      // One whose connection cannot be destroyed must not stand in front of others.
      this.#holds.delete(hold);
      (hold.connection as { destroy?: () => void }).destroy?.();
    }
  }

  /** Lets those who wait for a connection's room have it, in order. */
  #grant(account: Account): void {
    for (let [next] = account.waiting; next; [next] = account.waiting) {
      if (!this.fits(account, next.bytes)) {
        break;
      }
      if (!this.fitsAmongAll(account, next.bytes)) {
        this.#waitingForOthers.add(account);
        this.evictLater();
        return;
      }
      account.waiting.shift();
      next.hold.resize(next.hold.bytes + next.bytes);
      next.resolve();
    }
    this.#waitingForOthers.delete(account);
  }
}

/** What one call holds. */
export class Hold {
  readonly #memory: CallMemory;
  readonly #account: Account;
  #bytes = 0;
  #sinceMs = 0;
  #isReleased = false;

  constructor(memory: CallMemory, account: Account) {
    this.#memory = memory;
    this.#account = account;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Since when it holds something, by `performance.now()`. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  get connection(): object {
    return this.#account.connection;
  }

  /**
   * Waits for room for so many bytes more, then holds them; undefined when it need not wait.
   * {@link Hold.release} and {@link Hold.stopWaiting} end the wait, and no more is held then.
   */
  reserve(more: number): Promise<void> | undefined {
    const { waiting } = this.#account;
    if (this.#isReleased) {
      return undefined;
    }
    if (
      waiting.length === 0 &&
      this.#memory.fits(this.#account, more) &&
      this.#memory.fitsAmongAll(this.#account, more)
    ) {
      this.resize(this.#bytes + more);
      return undefined;
    }
    return new Promise((resolve) => {
      this.#memory.wait(this.#account, { hold: this, bytes: more, resolve });
    });
  }

  /** Holds so many bytes more if there is room for them. False when there is none. */
  tryAdd(more: number): boolean {
    if (this.#isReleased || more <= 0) {
      this.resize(this.#bytes + more);
      return true;
    }
    const hasRoom = this.#memory.fitsAsRequest(more);
    if (!hasRoom) {
      this.#memory.evictLater();
    }
    if (!hasRoom || !this.#memory.fits(this.#account, more)) {
      return false;
    }
    this.resize(this.#bytes + more);
    return true;
  }

  /** Holds so many bytes from now on, whether they fit or not. */
  resize(bytes: number): void {
    // What ends late, a handler whose caller has left for example, has nobody to release it.
    if (this.#isReleased) {
      return;
    }
    if (this.#bytes === 0 && bytes > 0) {
      this.#sinceMs = performance.now();
    }
    const difference = bytes - this.#bytes;
    if (difference !== 0) {
      this.#bytes = bytes;
      this.#memory.change(this, this.#account, difference);
    }
  }

  /** Waits no longer: who waits goes on, and holds what it held. */
  stopWaiting(): void {
    this.#memory.leave(this.#account, this);
  }

  /** Holds nothing any more, waits no longer, and never does again. */
  release(): void {
    this.stopWaiting();
    this.resize(0);
    this.#isReleased = true;
  }
}
