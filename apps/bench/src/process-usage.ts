import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** What a process and its children used. */
export interface ProcessUsage {
  /** CPU time of all threads since they started, user and system. */
  readonly cpuSeconds: number;
  /** Resident memory. */
  readonly rssBytes: number;
}

interface ProcessRow extends ProcessUsage {
  readonly pid: number;
  readonly parent: number;
}

// The unit of /proc/<pid>/stat; the same on every Linux that Node runs on.
const ticksPerSecond = 100;

/**
 * Reads what a process and all that it started use, all threads included: from /proc on
 * Linux, in steps of 10 ms, and from `ps` elsewhere. Throws when the process is gone.
 */
export function readProcessUsage(pid: number): ProcessUsage {
  const rows = process.platform === "linux" ? readProc() : readPs();
  return sumTree(rows, pid);
}

/** Adds up the row of a process and those of its descendants. */
export function sumTree(rows: readonly ProcessRow[], pid: number): ProcessUsage {
  const tree = new Set([pid]);
  for (let size = 0; size < tree.size; ) {
    size = tree.size;
    for (const row of rows) {
      if (tree.has(row.parent)) {
        tree.add(row.pid);
      }
    }
  }
  const members = rows.filter((row) => tree.has(row.pid));
  if (!members.some((row) => row.pid === pid)) {
    throw new Error(`process ${pid} is gone`);
  }
  return {
    cpuSeconds: members.reduce((sum, row) => sum + row.cpuSeconds, 0),
    rssBytes: members.reduce((sum, row) => sum + row.rssBytes, 0),
  };
}

function readProc(): ProcessRow[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "latin1");
        const status = readFileSync(`/proc/${name}/status`, "latin1");
        return [parseProc(Number(name), stat, status)];
      } catch {
        // It ended meanwhile.
        return [];
      }
    });
}

/** Reads the files `stat` and `status` of one process. */
export function parseProc(pid: number, stat: string, status: string): ProcessRow {
  // The command's name stands in parentheses and may hold spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // User and system time, of itself and of children that have ended.
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  const rssKib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0;
  return {
    pid,
    parent: Number(fields[1]),
    cpuSeconds: ticks / ticksPerSecond,
    rssBytes: Number(rssKib) * 1024,
  };
}

function readPs(): ProcessRow[] {
  const text = execFileSync("ps", ["-A", "-o", "pid=,ppid=,rss=,time="], { encoding: "utf8" });
  return text.split("\n").flatMap((line) => {
    const row = parsePs(line);
    return row ? [row] : [];
  });
}

/** Reads one line of `ps -o pid=,ppid=,rss=,time=`. */
export function parsePs(line: string): ProcessRow | undefined {
  const [pid, parent, rss, time] = line.trim().split(/\s+/);
  if (time === undefined) {
    return undefined;
  }
  // [[days-]hours:]minutes:seconds, with a fraction on some systems.
  const [clock, days = "0"] = time.split("-").reverse() as [string, string?];
  const seconds = clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
  return {
    pid: Number(pid),
    parent: Number(parent),
    cpuSeconds: Number(days) * 86_400 + seconds,
    rssBytes: Number(rss) * 1024,
  };
}
