import type { Call, CallEnd, CallObserver } from "../calls/call.ts";

/** A call that has ended, and how. */
export interface EndedCall extends CallEnd {
  readonly call: Call;
}

/** The calls of a host in the order in which they end. */
export interface EndedCalls {
  /** For the option `observers`. */
  readonly observer: CallObserver;
  /** Those that nobody has taken yet. */
  readonly count: number;
  /** Takes the first one, and waits for it. */
  next(): Promise<EndedCall>;
}

/** Creates an observer that keeps what it is told. */
export function createEndedCalls(): EndedCalls {
  const ended: EndedCall[] = [];
  let wake = () => {};
  return {
    observer: (call) => ({
      onEnd(end) {
        ended.push({ call, ...end });
        wake();
      },
    }),
    get count() {
      return ended.length;
    },
    async next() {
      while (ended.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return ended.shift() as EndedCall;
    },
  };
}
