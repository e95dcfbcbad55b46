import { readProcessUsage } from "../process-usage.ts";

// A server that has nothing to do uses less.
const idleCores = 0.1;

/**
 * Returns a function that tells whether the server has been working since it was last
 * asked: messages that are still missing may be on their way then, and are not lost.
 */
export function createBusyCheck(serverPid: number): () => boolean {
  let lastMs = performance.now();
  let lastCpuSeconds = readProcessUsage(serverPid).cpuSeconds;
  return () => {
    const nowMs = performance.now();
    const { cpuSeconds } = readProcessUsage(serverPid);
    const cores = ((cpuSeconds - lastCpuSeconds) * 1_000) / (nowMs - lastMs);
    lastMs = nowMs;
    lastCpuSeconds = cpuSeconds;
    return cores > idleCores;
  };
}
