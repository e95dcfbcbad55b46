import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { get as getHttp } from "node:http";
import { get as getHttps } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { createCertificate } from "@parley/testing/certificate";
import { listeningUrl } from "@parley/testing/server-process";
import type { Target } from "./play-script.ts";

const mainPath = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** The memory that a process has in RAM, and the most that it ever had; from Linux only. */
export interface ResidentMemory {
  readonly bytes: number;
  readonly peakBytes: number;
}

/** How a server ended that nobody stopped. */
export interface Death {
  readonly code: number | null;
  readonly signal: string | null;
}

/** The real server in a process of its own, with default flags but for its data and port. */
export interface FuzzedServer extends Target {
  readonly pid: number;
  readonly url: string;
  /** Set once the process has ended. */
  readonly death: Death | undefined;
  readonly died: Promise<Death>;
  /** What it logged at level error or fatal, or printed in the midst of its log. */
  readonly complaints: readonly string[];
  /** The last that it printed to standard error: warnings of Node, or why it died. */
  readonly lastWords: string;
  memory(): ResidentMemory | undefined;
  /** The samples of /metrics, by their names, those of several labels added up. */
  metrics(): Promise<ReadonlyMap<string, number>>;
  /** Has it let go of what nothing refers to any more. */
  collectGarbage(): Promise<void>;
  /** Ends the process, and removes its data. */
  dispose(): Promise<void>;
}

/** What Node prints of its inspector. */
const ofInspector = /^(Debugger |For help, see: |Waiting for the debugger)/;
const maxComplaints = 1_000;
const maxLastWords = 30;

/** Starts a server on an empty folder. */
export async function startFuzzedServer(isTls: boolean): Promise<FuzzedServer> {
  const folder = mkdtempSync(join(tmpdir(), "parley-fuzz-"));
  const flags = ["--data", join(folder, "data"), "--port", "0"];
  if (isTls) {
    const { key, cert } = createCertificate();
    writeFileSync(join(folder, "key.pem"), key);
    writeFileSync(join(folder, "cert.pem"), cert);
    flags.push("--tls-key", join(folder, "key.pem"), "--tls-cert", join(folder, "cert.pem"));
  }
  // The inspector is opened by a signal, on any port, when garbage is to be collected.
  const child = spawn(process.execPath, ["--inspect-port=0", mainPath, ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  // Whatever ends the fuzzer ends what it started.
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  const complaints: string[] = [];
  const lastWords: string[] = [];
  const complain = (line: string) => {
    if (complaints.length < maxComplaints) {
      complaints.push(line);
    }
  };
  const inspector = Promise.withResolvers<string>();
  createInterface(child.stderr).on("line", (line) => {
    const found = /^Debugger listening on (ws:\S+)/.exec(line)?.[1];
    if (found) {
      inspector.resolve(found);
    }
    if (ofInspector.test(line)) {
      return;
    }
    lastWords.push(line);
    lastWords.splice(0, lastWords.length - maxLastWords);
  });
  let death: Death | undefined;
  const died = once(child, "close").then(([code, signal]): Death => {
    death = { code, signal };
    return death;
  });
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      const level = Number(/^\{"level":(\d+)/.exec(line)?.[1] ?? 60);
      if (level >= 50) {
        complain(line);
      }
      const found = listeningUrl(line);
      if (found) {
        resolve(found);
      }
    });
    died.then(() => reject(new Error(`the server did not start: ${lastWords.join("\n")}`)));
  });
  const pid = child.pid as number;
  return {
    pid,
    url,
    port: Number(new URL(url).port),
    isTls,
    died,
    get death() {
      return death;
    },
    complaints,
    get lastWords() {
      return lastWords.join("\n");
    },
    memory: () => residentMemory(pid),
    metrics: () => scrape(url),
    async collectGarbage() {
      child.kill("SIGUSR1");
      await collectGarbage(await inspector.promise);
    },
    async dispose() {
      process.off("exit", kill);
      kill();
      await died;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** @param url - of an inspector: https://chromedevtools.github.io/devtools-protocol/v8/HeapProfiler/ */
async function collectGarbage(url: string): Promise<void> {
  const socket = new WebSocket(url);
  try {
    await once(socket, "open");
    const answered = once(socket, "message");
    socket.send(JSON.stringify({ id: 1, method: "HeapProfiler.collectGarbage" }));
    await answered;
  } finally {
    socket.close();
  }
}

function residentMemory(pid: number): ResidentMemory | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const read = (name: string) =>
      1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]);
    const memory = { bytes: read("VmRSS"), peakBytes: read("VmHWM") };
    return Number.isFinite(memory.bytes) ? memory : undefined;
  } catch {
    return undefined;
  }
}

async function scrape(url: string): Promise<ReadonlyMap<string, number>> {
  const options = { agent: false, rejectUnauthorized: false, timeout: 20_000 } as const;
  const request = url.startsWith("https:")
    ? getHttps(`${url}/metrics`, options)
    : getHttp(`${url}/metrics`, options);
  request.once("timeout", () => request.destroy(new Error("/metrics did not answer")));
  const [response] = await once(request, "response");
  const samples = new Map<string, number>();
  for (const [, name, value] of (await text(response)).matchAll(/^(\w+)(?:\{.*\})? (\S+)$/gm)) {
    samples.set(name as string, (samples.get(name as string) ?? 0) + Number(value));
  }
  return samples;
}
