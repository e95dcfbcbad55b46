import type { TestContext } from "node:test";

/** The time of a test, which passes only as the test says, however fast the machine is. */
export interface ControlledClock {
  /** How much has passed, in milliseconds. */
  readonly nowMs: number;
  /** Lets so much time pass at once. */
  tick(ms: number): void;
  /** Lets a millisecond pass with each turn of the event loop, until the test ends. */
  run(): void;
}

/** Takes over the timers and clocks of the process until the test ends. */
export function controlClock(t: TestContext): ControlledClock {
  let nowMs = 0;
  let isOver = false;
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.mock.method(performance, "now", () => nowMs);
  t.after(() => {
    isOver = true;
  });
  function tick(ms: number): void {
    nowMs += ms;
    t.mock.timers.tick(ms);
  }
  return {
    get nowMs() {
      return nowMs;
    },
    tick,
    run() {
      setImmediate(function turn() {
        if (!isOver) {
          tick(1);
          setImmediate(turn);
        }
      });
    },
  };
}
