/** Options of `createChatClient`. All times are in milliseconds. */
export interface ChatClientOptions {
  /**
   * The deadline of every unary call, and of every try of `send`. Default 5,000.
   * A longer one than 27 hours, infinity included, counts as 27 hours: gRPC's
   * header has no room for more.
   */
  timeoutMs?: number | undefined;
  /**
   * How long a subscription's stream may be silent before the server is asked to
   * send a heartbeat. A stream that is silent for twice as long is given up and
   * opened anew. 10 to 3,600,000; default 15,000.
   */
  heartbeatMs?: number | undefined;
  /** How long to wait between tries. */
  backoff?: BackoffOptions | undefined;
  /**
   * How long `send` goes on starting new tries; 0 for a single one. How long what
   * was sent over a shared stream may go unacknowledged when that breaks. Must stay
   * below the time for which the server remembers an idempotency key (2 minutes
   * unless configured): beyond it a repeated message would be stored twice.
   * Default 30,000.
   */
  retryForMs?: number | undefined;
}

/**
 * Exponential back-off with full jitter: the n-th wait is a random time up to
 * `initialMs * 2^n`, so that clients that lost their server at the same moment
 * do not come back at the same moment.
 */
export interface BackoffOptions {
  /** The longest first wait. Default 100. */
  initialMs?: number | undefined;
  /** The longest wait of all. Default 10,000. */
  maxMs?: number | undefined;
}

/** The options with every default filled in. */
export interface ResolvedOptions {
  readonly timeoutMs: number;
  readonly heartbeatMs: number;
  readonly backoff: { readonly initialMs: number; readonly maxMs: number };
  readonly retryForMs: number;
}

/** Fills in the defaults. Throws a RangeError for a time that makes no sense. */
export function resolveOptions(options: ChatClientOptions = {}): ResolvedOptions {
  const { timeoutMs = 5_000, heartbeatMs = 15_000, backoff = {}, retryForMs = 30_000 } = options;
  const { initialMs = 100, maxMs = 10_000 } = backoff;
  check("timeoutMs", timeoutMs, 1);
  check("heartbeatMs", heartbeatMs, 10, 3_600_000);
  check("backoff.initialMs", initialMs, 1, Number.MAX_SAFE_INTEGER);
  check("backoff.maxMs", maxMs, initialMs, Number.MAX_SAFE_INTEGER);
  check("retryForMs", retryForMs, 0);
  return { timeoutMs, heartbeatMs, backoff: { initialMs, maxMs }, retryForMs };
}

function check(name: string, value: number, min: number, max = Number.POSITIVE_INFINITY): void {
  if (!(value >= min && value <= max)) {
    throw new RangeError(`${name} must be from ${min} to ${max}, got ${value}`);
  }
}
