import { works } from "../work/index.ts";
import type { Job, JobResult } from "./job.ts";

// The load generator's process: takes one job from its parent, answers, and ends.

process.once("message", async (job: Job) => {
  process.send?.(await run(job), () => process.exit(0));
});
process.once("disconnect", () => process.exit(1));

async function run(job: Job): Promise<JobResult> {
  try {
    const work = works.find(({ name }) => name === job.work);
    if (!work) {
      throw new Error(`there is no work named ${job.work}`);
    }
    return { sample: await work.measure(job.target, job.parameters, job.timing) };
  } catch (error) {
    return { error: (error as Error).message };
  }
}
