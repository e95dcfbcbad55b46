import { existsSync } from "node:fs";
import { isMainThread, workerData } from "node:worker_threads";

// Loaded into a server by `--import`: makes a thread of its log die as by a bug of its own, as
// soon as the file that PARLEY_TEST_DIE names is there.

const [thread, file = ""] = (process.env.PARLEY_TEST_DIE ?? "").split("=");
const isWriter = workerData !== null && "idempotencyWindowMs" in workerData;

if (!isMainThread && thread === (isWriter ? "writer" : "reader")) {
  const timer = setInterval(() => {
    if (existsSync(file)) {
      throw new Error(`the ${thread} was told to die`);
    }
  }, 10);
  timer.unref();
}
