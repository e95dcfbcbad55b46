import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Job, JobResult } from "./load/job.ts";
import type { WindowEvent, WindowMessage } from "./load/window-event.ts";

const mainPath = fileURLToPath(new URL("load/main.ts", import.meta.url));
const stderrKept = 2_000;

/**
 * Runs a job in a load generator's process of its own, so that none profits from code that
 * another warmed up. Resolves with an error, too, when the process ends or takes too long.
 *
 * @param observe Called when the measured time begins and when it has ended; the load waits
 * until it has resolved. Its error is the job's.
 */
export function runJob(
  job: Job,
  timeoutMs: number,
  observe?: (event: WindowEvent) => Promise<void>,
): Promise<JobResult> {
  const child = fork(mainPath, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  const { promise, resolve } = Promise.withResolvers<JobResult>();
  let stderr = "";
  child.stderr?.on("data", (chunk) => {
    stderr = (stderr + chunk).slice(-stderrKept);
  });
  const timer = setTimeout(() => {
    resolve({ error: `no result within ${Math.round(timeoutMs / 1_000)} s` });
    child.kill("SIGKILL");
  }, timeoutMs);
  child.on("message", async (message: JobResult | WindowMessage) => {
    if (!("window" in message)) {
      resolve(message);
      return;
    }
    try {
      await observe?.(message.window);
      child.send("go on");
    } catch (error) {
      resolve({ error: (error as Error).message });
      child.kill("SIGKILL");
    }
  });
  child.once("error", (error) => resolve({ error: error.message }));
  child.once("close", (code, signal) => {
    clearTimeout(timer);
    resolve({ error: `the load generator ended with ${code ?? signal}: ${stderr.trim()}` });
  });
  child.send({ ...job, target: { ...job.target, isObserved: observe !== undefined } });
  return promise;
}
