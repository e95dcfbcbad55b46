import { growthPerItem } from "./heap-growth.ts";
import { type HeapKind, type HeapSnapshot, summariseHeap } from "./heap-snapshot.ts";
import type { Inspector } from "./inspector.ts";
import type { Observer } from "./observe-cpu.ts";
import type { HeapResult } from "./profile-report.ts";

interface HeapState {
  readonly kinds: ReadonlyMap<string, HeapKind>;
  readonly heapBytes: number;
  readonly bufferBytes: number;
}

/**
 * Takes a snapshot of the main thread's heap at the beginning and at the end of the measured
 * time, after a collection each.
 *
 * @param items What the growth is divided by.
 */
export function observeHeap(
  inspector: Inspector,
  items: number,
): Observer<Omit<HeapResult, "residentBytes">> {
  const states: HeapState[] = [];
  return {
    async observe() {
      states.push(await readHeap(inspector));
    },
    seen() {
      const [before, after] = states;
      if (!before || !after) {
        throw new Error("the measured time has not ended");
      }
      return {
        items,
        heapBytes: (after.heapBytes - before.heapBytes) / items,
        bufferBytes: (after.bufferBytes - before.bufferBytes) / items,
        kinds: growthPerItem(before.kinds, after.kinds, items),
      };
    },
  };
}

async function readHeap({ threads: [main], onEvent }: Inspector): Promise<HeapState> {
  // What the first collection finalises, the second one frees.
  await main.call("HeapProfiler.collectGarbage");
  await main.call("HeapProfiler.collectGarbage");
  const usage = await main.call<{ usedSize: number; backingStorageSize: number }>(
    "Runtime.getHeapUsage",
  );
  const chunks: string[] = [];
  const stop = onEvent("HeapProfiler.addHeapSnapshotChunk", ({ chunk }) => {
    chunks.push(chunk as string);
  });
  await main.call("HeapProfiler.takeHeapSnapshot");
  stop();
  return {
    kinds: summariseHeap(JSON.parse(chunks.join("")) as HeapSnapshot),
    heapBytes: usage.usedSize,
    bufferBytes: usage.backingStorageSize,
  };
}
