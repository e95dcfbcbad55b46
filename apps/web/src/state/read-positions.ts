import type { Position } from "@parley/client";
import type { Store } from "./store.ts";
import { createStoredValue } from "./stored-value.ts";

/** How far each room was read. */
export type ReadPositions = Readonly<Record<string, Position>>;

interface StoredPosition {
  readonly epoch: string;
  readonly sequence: string;
}

const stored: Store<Readonly<Record<string, StoredPosition>>> = createStoredValue(
  "read",
  {},
  parseStored,
);

/** How far each room was read, in this browser. */
export const readPositions: Pick<Store<ReadPositions>, "get" | "subscribe"> & {
  /** Moves forward to a position; never back within an epoch. */
  mark(room: string, position: Position): void;
} = {
  get: memoize(() => stored.get(), toPositions),
  subscribe: stored.subscribe,
  mark(room, { epoch, sequence }) {
    const before = readPositions.get()[room];
    if (before?.epoch !== epoch || before.sequence < sequence) {
      stored.set({ ...stored.get(), [room]: { epoch, sequence: String(sequence) } });
    }
  },
};

function toPositions(all: Readonly<Record<string, StoredPosition>>): ReadPositions {
  return Object.fromEntries(
    Object.entries(all).map(([room, { epoch, sequence }]) => [
      room,
      { epoch, sequence: BigInt(sequence) },
    ]),
  );
}

function parseStored(value: unknown): Record<string, StoredPosition> | undefined {
  if (typeof value !== "object" || value === null) {
    return undefined;
  }
  return Object.fromEntries(
    Object.entries(value as Record<string, Partial<StoredPosition>>).filter(
      (entry): entry is [string, StoredPosition] =>
        typeof entry[1]?.epoch === "string" && /^\d{1,20}$/.test(entry[1].sequence ?? ""),
    ),
  );
}

/** Computes anew only from a new value: those who compare results by identity rely on it. */
function memoize<A, B>(get: () => A, compute: (value: A) => B): () => B {
  let last: { readonly from: A; readonly result: B } | undefined;
  return () => {
    const from = get();
    if (!last || last.from !== from) {
      last = { from, result: compute(from) };
    }
    return last.result;
  };
}
