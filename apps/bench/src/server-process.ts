import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "@parley/testing/free-port";
import type { Contestant } from "./contestants/contestant.ts";
import type { Target } from "./load/connection.ts";

/** A contestant's server that accepts connections. */
export interface RunningServer {
  readonly target: Target;
  /** Ends it, and whatever it started; resolves when it is gone. */
  stop(): Promise<void>;
}

const startTimeoutMs = 30_000;
const stopTimeoutMs = 2_000;
const outputKept = 4_000;

/**
 * Starts a contestant's server on a free port and resolves once it accepts connections.
 * Rejects, with what it printed, when it ends before or takes too long.
 */
export async function startServer(contestant: Contestant): Promise<RunningServer> {
  const port = await freePort();
  const launch = contestant.launch(port);
  const log = createLogFile();
  const child = spawn(launch.command, launch.args, {
    env: { ...process.env, ...launch.env, PORT: `${port}` },
    stdio: ["ignore", log.descriptor, log.descriptor],
    // A group of its own, so that it can be ended with all that it starts.
    detached: true,
  });
  let startError = "";
  const closed = new Promise<void>((resolve) => {
    child.once("close", () => resolve());
    child.once("error", (error) => {
      startError = error.message;
      resolve();
    });
  });
  const cleanUp = () => {
    launch.cleanUp?.();
    log.remove();
  };
  const stop = async () => {
    process.off("exit", killAtExit);
    await end(child, closed);
    cleanUp();
  };
  const killAtExit = () => {
    signalGroup(child, "SIGKILL");
    cleanUp();
  };
  process.once("exit", killAtExit);
  try {
    await waitForPort(port, child);
  } catch (error) {
    const output = log.read().slice(-outputKept) + startError;
    await stop();
    throw new Error(`${contestant.name} ${(error as Error).message}:\n${output}`.trim());
  }
  return { target: { port, service: contestant.service, pid: child.pid as number }, stop };
}

/** Where a server prints to, as servers do: to read a pipe would cost the load's time. */
function createLogFile() {
  const folder = mkdtempSync(join(tmpdir(), "bench-log-"));
  const path = join(folder, "server.log");
  const descriptor = openSync(path, "a");
  return {
    descriptor,
    read: () => readFileSync(path, "utf8"),
    remove() {
      closeSync(descriptor);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function waitForPort(port: number, child: ChildProcess): Promise<void> {
  const deadlineMs = performance.now() + startTimeoutMs;
  while (!(await accepts(port))) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
      throw new Error("ended before it listened");
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`did not listen on port ${port} within ${startTimeoutMs / 1_000} s`);
    }
    await delay(20);
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function end(child: ChildProcess, closed: Promise<void>): Promise<void> {
  signalGroup(child, "SIGTERM");
  const timer = setTimeout(() => signalGroup(child, "SIGKILL"), stopTimeoutMs);
  await closed;
  clearTimeout(timer);
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) {
    return;
  }
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}
