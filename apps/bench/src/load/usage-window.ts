import { readProcessUsage } from "../process-usage.ts";
import type { Sample } from "../work/work.ts";
import type { Target } from "./connection.ts";
import { announceWindow } from "./window-event.ts";

type UsagePart = Pick<Sample, "cpuSecondsPerMillion" | "rssBytes" | "generatorCores">;

/** Observes the server and this process from when it was opened. */
export interface UsageWindow {
  /**
   * Ends it.
   *
   * @param count How many operations the server did meanwhile.
   * @param elapsedSeconds How long they took, without any wait for what was lost.
   */
  close(count: number, elapsedSeconds: number): Promise<UsagePart>;
}

/**
 * Starts to observe. The measured time begins when this resolves: whoever else observes the
 * server has been told.
 */
export async function openUsageWindow({ pid, isObserved }: Target): Promise<UsageWindow> {
  if (isObserved) {
    await announceWindow("opened");
  }
  const serverStart = readProcessUsage(pid);
  const ownStart = readProcessUsage(process.pid);
  return {
    async close(count, elapsedSeconds) {
      const server = readProcessUsage(pid);
      const own = readProcessUsage(process.pid);
      if (isObserved) {
        await announceWindow("closed");
      }
      const cpuSeconds = server.cpuSeconds - serverStart.cpuSeconds;
      return {
        cpuSecondsPerMillion: count > 0 ? (cpuSeconds / count) * 1_000_000 : 0,
        rssBytes: server.rssBytes,
        generatorCores: (own.cpuSeconds - ownStart.cpuSeconds) / elapsedSeconds,
      };
    },
  };
}
