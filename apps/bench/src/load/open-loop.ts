/** What {@link sendOnSchedule} is given. */
export interface Schedule {
  readonly perSecond: number;
  readonly durationMs: number;
  /** Sends what was due at this time, on the clock of `performance.now()`. */
  readonly send: (dueMs: number) => void;
}

/** How the schedule was kept. */
export interface ScheduleKept {
  readonly sent: number;
  /** When the first one was due. */
  readonly startMs: number;
}

const tickMs = 1;

/**
 * An open loop: sends at fixed times, whether or not what was sent before has arrived, and
 * catches up at once on what it could not send in time. Measured from when a message was
 * due, a stall counts for every message that it held up, not for one.
 */
export function sendOnSchedule({ perSecond, durationMs, send }: Schedule): Promise<ScheduleKept> {
  const { promise, resolve } = Promise.withResolvers<ScheduleKept>();
  const startMs = performance.now() + tickMs;
  const total = Math.floor((durationMs * perSecond) / 1_000);
  const intervalMs = 1_000 / perSecond;
  let sent = 0;
  const tick = () => {
    const due = Math.min(total, Math.floor((performance.now() - startMs) / intervalMs) + 1);
    for (; sent < due; sent++) {
      send(startMs + sent * intervalMs);
    }
    if (sent === total) {
      resolve({ sent, startMs });
    } else {
      setTimeout(tick, tickMs);
    }
  };
  setTimeout(tick, tickMs);
  return promise;
}
