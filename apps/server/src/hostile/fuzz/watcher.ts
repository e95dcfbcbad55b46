import { Worker } from "node:worker_threads";

/** What the thread of a watcher is told. */
export interface WatcherData {
  readonly url: string;
  readonly maxWaitMs: number;
}

/** How a watcher was served. */
export interface WatcherReport {
  readonly sentCount: number;
  /** How long its calls and deliveries took. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Which of its subscriptions did not get all. */
  readonly missing: readonly string[];
}

/** A well-behaved client that is to be served whatever others do. */
export interface Watcher {
  /** What went wrong so far. */
  readonly failures: readonly string[];
  /** Lets what is under way arrive, leaves, and resolves with how it was served. */
  stop(): Promise<WatcherReport | undefined>;
  /** Ends it at once: its server is gone. */
  abandon(): Promise<void>;
}

/**
 * Starts a watcher, on a thread of its own so that attacks do not hold it up. It sends,
 * subscribes and lists over each version of HTTP and a WebSocket, and checks what it gets:
 * all messages, in order, each once, none later than `maxWaitMs`.
 */
export async function startWatcher(data: WatcherData): Promise<Watcher> {
  const worker = new Worker(new URL("watcher-thread.ts", import.meta.url), {
    workerData: data,
    stderr: true,
  });
  const failures: string[] = [];
  const ready = Promise.withResolvers<void>();
  const report = Promise.withResolvers<WatcherReport | undefined>();
  worker.on("message", (message) => {
    if (message.kind === "failure") {
      failures.push(message.reason);
    } else if (message.kind === "report") {
      report.resolve(message.report);
    } else {
      ready.resolve();
    }
  });
  worker.on("error", (error) => failures.push(`the watcher broke: ${error}`));
  worker.once("exit", () => {
    ready.reject(new Error(`the watcher did not start: ${failures}`));
    report.resolve(undefined);
  });
  report.promise.catch(() => {});
  await Promise.race([ready.promise, report.promise]);
  return {
    failures,
    async stop() {
      worker.postMessage("stop");
      const timer = setTimeout(() => worker.terminate(), 4 * data.maxWaitMs);
      const result = await report.promise;
      clearTimeout(timer);
      await worker.terminate();
      return result;
    },
    async abandon() {
      await worker.terminate();
    },
  };
}
