import { type CallFrame, partOf, parts, shortLocation } from "./part-of.ts";

/** What the inspector's `Profiler.stop` gives; times in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[];
  }[];
  /** Ids of nodes. */
  readonly samples: readonly number[];
  /** Before each sample, since the one before it. */
  readonly timeDeltas: readonly number[];
}

/** Time of a part of a server, or of a function, in one thread. */
export interface SelfTime {
  readonly name: string;
  readonly seconds: number;
}

/** A function's own time, without what it calls. */
export interface FunctionTime extends SelfTime {
  /** Short path and line; empty for what is native. */
  readonly location: string;
  readonly part: string;
}

/** What one thread did, by its own time. */
export interface ThreadProfile {
  readonly thread: string;
  /** By the clock: time in which the thread waited for a core or a disk counts as busy. */
  readonly busySeconds: number;
  /** By the clock. */
  readonly idleSeconds: number;
  /** What the system counted meanwhile. */
  readonly cpuSeconds: number;
  /** Of the busy time; the longest first. */
  readonly parts: readonly SelfTime[];
  /** Of the busy time; the longest first. */
  readonly functions: readonly FunctionTime[];
}

/**
 * Adds up a profile's samples by part and by function.
 *
 * V8 takes a thread for idle while the event loop polls, which is where Node reads sockets
 * and lets nghttp2 parse what came, until it calls JavaScript. What the system counts as CPU
 * time beyond the busy samples is therefore a part of its own, and not idle.
 *
 * @param cpuSeconds The thread's CPU time, as the system counts it.
 */
export function summariseCpuProfile(
  thread: string,
  cpuSeconds: number,
  { nodes, samples, timeDeltas }: CpuProfile,
): ThreadProfile {
  const selfSeconds = new Map<number, number>();
  // The first delta is the time that the profiler took to start.
  for (let index = 1; index < samples.length; index++) {
    const id = samples[index] as number;
    selfSeconds.set(id, (selfSeconds.get(id) ?? 0) + Math.max(0, timeDeltas[index] ?? 0) / 1e6);
  }
  const callers = findCallers(nodes);
  const byPart = new Map<string, number>();
  const byFunction = new Map<string, FunctionTime>();
  let idleSeconds = 0;
  for (const { id, callFrame } of nodes) {
    const seconds = selfSeconds.get(id) ?? 0;
    const part = partOf(callFrame, callers.get(id));
    if (part === parts.idle) {
      idleSeconds += seconds;
    } else if (seconds > 0) {
      byPart.set(part, (byPart.get(part) ?? 0) + seconds);
      const name = callFrame.functionName || "(anonymous)";
      const location = shortLocation(callFrame);
      const key = `${part}\n${name}\n${location}`;
      const earlier = byFunction.get(key)?.seconds ?? 0;
      byFunction.set(key, { name, location, part, seconds: earlier + seconds });
    }
  }
  const sampledSeconds = [...byPart.values()].reduce((sum, seconds) => sum + seconds, 0);
  const readingSeconds = Math.min(idleSeconds, Math.max(0, cpuSeconds - sampledSeconds));
  if (readingSeconds > 0) {
    byPart.set(parts.reading, readingSeconds);
  }
  const partTimes = [...byPart].map(([name, seconds]) => ({ name, seconds }));
  return {
    thread,
    busySeconds: sampledSeconds + readingSeconds,
    idleSeconds: idleSeconds - readingSeconds,
    cpuSeconds,
    parts: partTimes.toSorted(bySeconds),
    functions: [...byFunction.values()].toSorted(bySeconds),
  };
}

/** The nearest function above each node that has a file, by the node's id. */
function findCallers(nodes: CpuProfile["nodes"]): Map<number, CallFrame> {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const callers = new Map<number, CallFrame>();
  const isChild = new Set(nodes.flatMap(({ children = [] }) => children));
  const open = nodes.map(({ id }) => id).filter((id) => !isChild.has(id));
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    const node = byId.get(id);
    const caller = node?.callFrame.url ? node.callFrame : callers.get(id);
    for (const child of node?.children ?? []) {
      if (caller) {
        callers.set(child, caller);
      }
      open.push(child);
    }
  }
  return callers;
}

function bySeconds(a: SelfTime, b: SelfTime): number {
  return b.seconds - a.seconds;
}
