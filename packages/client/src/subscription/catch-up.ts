import type { Position } from "../position/position.ts";

/**
 * Whether a resumed reader has what was in the room shortly after its stream was
 * opened. A heartbeat does not tell: a server may well send one while it still
 * loads a page of the history. The room's newest message does.
 */
export interface CatchUp {
  /** Starts anew, with a stream: the head is the sequence of the newest message, once it is known. */
  begin(head: Promise<bigint | undefined>): void;
  /** To be called when the position has moved. */
  check(): void;
  /** Forgets the head: the stream is over. */
  end(): void;
}

/**
 * @param position - of the reader, now
 * @param onCaughtUp - told once for each `begin`, when the position has reached the head
 */
export function createCatchUp(
  position: () => Position | undefined,
  onCaughtUp: () => void,
): CatchUp {
  let asked: Promise<bigint | undefined> | undefined;
  let target: bigint | undefined;

  function check(): void {
    const reached = position()?.sequence;
    if (target !== undefined && reached !== undefined && reached >= target) {
      end();
      onCaughtUp();
    }
  }

  function end(): void {
    asked = undefined;
    target = undefined;
  }

  return {
    begin(head) {
      end();
      asked = head;
      void head.then((sequence) => {
        if (asked === head) {
          target = sequence;
          check();
        }
      });
    },
    check,
    end,
  };
}
