import { execFile, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Target } from "./connection.ts";
import type { UnaryCall } from "./unary-call.ts";

/** What h2load reports of a run. */
export interface H2loadReport {
  readonly callsPerSecond: number;
  readonly done: number;
  readonly failed: number;
  /** Bytes of response bodies: an answer without one is no success. */
  readonly dataBytes: number;
}

const run = promisify(execFile);
let installed: boolean | undefined;

/** Whether h2load is on the PATH. */
export function hasH2load(): boolean {
  installed ??= spawnSync("h2load", ["--version"], { stdio: "ignore" }).status === 0;
  return installed;
}

/** Runs h2load: an HTTP/2 load generator in C, which costs a third of one in Node. */
export async function runH2load(
  target: Target,
  call: UnaryCall,
  size: {
    readonly connections: number;
    readonly callsInFlight: number;
    readonly durationMs: number;
  },
): Promise<H2loadReport> {
  const folder = mkdtempSync(join(tmpdir(), "bench-h2load-"));
  try {
    const body = join(folder, "body");
    writeFileSync(body, call.body);
    const headers = Object.entries(call.headers)
      .filter(([name]) => !name.startsWith(":"))
      .flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
    const flags = [
      ["-c", `${size.connections}`, "-m", `${size.callsInFlight}`],
      // h2load takes whole seconds.
      ["-D", `${Math.max(1, Math.round(size.durationMs / 1_000))}`],
      ["-w", "22", "-W", "26", "-d", body],
      headers,
      [`http://127.0.0.1:${target.port}${call.headers[":path"]}`],
    ].flat();
    const { stdout } = await run("h2load", flags, { timeout: size.durationMs + 30_000 });
    return parseH2load(stdout);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Reads h2load's report; throws when it is none. */
export function parseH2load(text: string): H2loadReport {
  const rate = /^finished in .*?, ([\d.]+) req\/s/m.exec(text)?.[1];
  const calls = /^requests: .* (\d+) done, (\d+) succeeded/m.exec(text);
  const data = /\((\d+)\) data$/m.exec(text)?.[1];
  if (rate === undefined || calls === null || data === undefined) {
    throw new Error(`h2load reported:\n${text}`);
  }
  const done = Number(calls[1]);
  return {
    callsPerSecond: Number(rate),
    done,
    failed: done - Number(calls[2]),
    dataBytes: Number(data),
  };
}
