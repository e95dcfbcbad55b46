/** What {@link publishWindowed} is given. */
export interface WindowedPublishing {
  readonly subscribers: number;
  readonly messagesPerWrite: number;
  /** How many writes may be on their way to some subscriber. */
  readonly writesInFlight: number;
  readonly durationMs: number;
  /** Sends one write. */
  readonly write: () => void;
  /** Whether the server still works on what it has; asked when deliveries stay out. */
  readonly isServerBusy: () => boolean;
}

/** What came of it. */
export interface PublishedWindow {
  readonly sent: number;
  readonly delivered: number;
  /** From the first write to the last delivery. */
  readonly elapsedMs: number;
}

/** A closed loop: tell it of deliveries, and it goes on writing. */
export interface PublishingLoop {
  deliver(count: number): void;
  readonly done: Promise<PublishedWindow>;
}

const checkIntervalMs = 20;
const shortestStallMs = 25;
const longestStallMs = 1_000;
const quietMs = 1_000;
const longestDrainMs = 30_000;

/**
 * Publishes as fast as the subscribers receive, for a time, and resolves when all has
 * been delivered, or nothing more has come while the server was idle.
 *
 * A server that drops messages would stall such a loop for good. So deliveries that are
 * overdue by ten times what a write took on average, while the server is idle, no longer
 * count as on their way; if they come after all, they are counted as delivered.
 */
export function publishWindowed(options: WindowedPublishing): PublishingLoop {
  const { subscribers, messagesPerWrite, writesInFlight, durationMs, write, isServerBusy } =
    options;
  const deliveriesPerWrite = subscribers * messagesPerWrite;
  const startMs = performance.now();
  const endMs = startMs + durationMs;
  let sentWrites = 0;
  let delivered = 0;
  let inFlight = 0;
  let lastMs = startMs;
  let waitingSinceMs = startMs;
  const { promise: done, resolve } = Promise.withResolvers<PublishedWindow>();

  const fill = (nowMs: number) => {
    while (nowMs < endMs && inFlight <= (writesInFlight - 1) * deliveriesPerWrite) {
      inFlight += deliveriesPerWrite;
      sentWrites++;
      write();
    }
  };
  const finish = () => {
    clearInterval(timer);
    const sent = sentWrites * messagesPerWrite;
    resolve({ sent, delivered, elapsedMs: lastMs - startMs });
  };
  const timer = setInterval(() => {
    const nowMs = performance.now();
    if (nowMs < endMs) {
      const writesDone = Math.max(1, delivered / deliveriesPerWrite);
      const usualMs = ((lastMs - startMs) / writesDone) * 10;
      const stallMs = Math.min(longestStallMs, Math.max(shortestStallMs, usualMs));
      if (nowMs - waitingSinceMs > stallMs) {
        if (!isServerBusy()) {
          inFlight = 0;
          fill(nowMs);
        }
        waitingSinceMs = nowMs;
      }
    } else if (delivered >= sentWrites * deliveriesPerWrite || nowMs - endMs > longestDrainMs) {
      finish();
    } else if (nowMs - waitingSinceMs > quietMs) {
      if (!isServerBusy()) {
        finish();
      }
      waitingSinceMs = nowMs;
    }
  }, checkIntervalMs);
  fill(startMs);

  return {
    deliver(count) {
      delivered += count;
      inFlight = Math.max(0, inFlight - count);
      lastMs = performance.now();
      waitingSinceMs = lastMs;
      fill(lastMs);
    },
    done,
  };
}
