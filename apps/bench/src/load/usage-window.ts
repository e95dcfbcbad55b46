import { readProcessUsage } from "../process-usage.ts";
import type { Sample } from "../work/work.ts";

type UsagePart = Pick<Sample, "cpuSecondsPerMillion" | "rssBytes" | "generatorCores">;

/** Observes the server and this process from when it was opened. */
export interface UsageWindow {
  /**
   * Ends it.
   *
   * @param count How many operations the server did meanwhile.
   * @param elapsedSeconds How long they took, without any wait for what was lost.
   */
  close(count: number, elapsedSeconds: number): UsagePart;
}

/** Starts to observe. */
export function openUsageWindow(serverPid: number): UsageWindow {
  const serverStart = readProcessUsage(serverPid);
  const ownStart = readProcessUsage(process.pid);
  return {
    close(count, elapsedSeconds) {
      const server = readProcessUsage(serverPid);
      const own = readProcessUsage(process.pid);
      const cpuSeconds = server.cpuSeconds - serverStart.cpuSeconds;
      return {
        cpuSecondsPerMillion: count > 0 ? (cpuSeconds / count) * 1_000_000 : 0,
        rssBytes: server.rssBytes,
        generatorCores: (own.cpuSeconds - ownStart.cpuSeconds) / elapsedSeconds,
      };
    },
  };
}
