import { freePort } from "@parley/testing/free-port";
import type { Contestant } from "../contestants/contestant.ts";
import { describeEnvironment } from "../environment.ts";
import { runJob } from "../load-process.ts";
import { prepareContestants } from "../prepare-contestants.ts";
import type { Progress } from "../progress.ts";
import { exitOnSignals } from "../run-signals.ts";
import { startServer } from "../server-process.ts";
import type { Sample, Timing } from "../work/work.ts";
import { inspectedContestant } from "./inspected-contestant.ts";
import { connectInspector, type Inspector } from "./inspector.ts";
import { type Observer, observeCpu } from "./observe-cpu.ts";
import { observeHeap } from "./observe-heap.ts";
import type { ProfiledWork, ProfileReport, ProfileResult } from "./profile-report.ts";
import type { ProfiledCase } from "./profiled-cases.ts";

export interface RunProfilesOptions {
  readonly cases: readonly ProfiledCase[];
  readonly contestants: readonly Contestant[];
  readonly timing: Timing;
  readonly progress: Progress;
}

// Above what the slowest contestant takes to fill its subscriptions and to drain.
const slackMs = 120_000;

/**
 * Runs each case once for each contestant that runs on Node, and looks at the server in the
 * measured time: its threads by samples, or its heap by snapshots.
 */
export async function runProfiles(options: RunProfilesOptions): Promise<ProfileReport> {
  using _ = exitOnSignals();
  const startedAt = new Date();
  const { timing, progress } = options;
  const { present, leftOut } = await prepareContestants(
    options.contestants.filter(({ isNode }) => isNode),
    progress,
  );
  const notNode = options.contestants
    .filter(({ isNode }) => !isNode)
    .map(({ name }) => ({ name, reason: "only what runs on Node can be looked into" }));
  const works: ProfiledWork[] = [];
  for (const profiledCase of options.cases) {
    const { work, workCase } = profiledCase;
    const results: ProfileResult[] = [];
    for (const contestant of present) {
      progress.show(`profile of ${work.name}, ${workCase.name}: ${contestant.name}`);
      results.push(await profile(profiledCase, contestant, timing));
    }
    const { name, title, operation } = work;
    const [metric] = work.metrics;
    works.push({ name, title, operation, metric, caseName: workCase.name, results });
  }
  progress.clear();
  return {
    startedAt: startedAt.toISOString(),
    finishedAt: new Date().toISOString(),
    environment: describeEnvironment(),
    settings: timing,
    leftOut: [...notNode, ...leftOut],
    works,
  };
}

async function profile(
  profiledCase: ProfiledCase,
  contestant: Contestant,
  timing: Timing,
): Promise<ProfileResult> {
  try {
    if (profiledCase.looksAt === "cpu") {
      const { sample, seen } = await runObserved(profiledCase, contestant, timing, observeCpu);
      return { contestant: contestant.name, sample, threads: seen };
    }
    // A snapshot makes the process grow by more than the subscribers do.
    const { sample } = await runOnce(profiledCase, contestant, timing);
    const { seen } = await runObserved(profiledCase, contestant, timing, (inspector) =>
      observeHeap(inspector, sample.count),
    );
    const residentBytes = (sample.values.kilobytesPerSubscriber ?? 0) * 1_000;
    return { contestant: contestant.name, sample, heap: { ...seen, residentBytes } };
  } catch (error) {
    return { contestant: contestant.name, error: (error as Error).message };
  }
}

async function runObserved<Seen>(
  profiledCase: ProfiledCase,
  contestant: Contestant,
  timing: Timing,
  createObserver: (inspector: Inspector) => Observer<Seen>,
): Promise<{ sample: Sample; seen: Seen }> {
  const inspectorPort = await freePort();
  const inspected = inspectedContestant(contestant, inspectorPort);
  let observer: Observer<Seen> | undefined;
  const { sample } = await runOnce(profiledCase, inspected, timing, async () => {
    const inspector = await connectInspector(inspectorPort);
    observer = createObserver(inspector);
    return { observe: observer.observe, close: inspector.close };
  });
  return { sample, seen: (observer as Observer<Seen>).seen() };
}

async function runOnce(
  { work, workCase: { parameters } }: ProfiledCase,
  contestant: Contestant,
  timing: Timing,
  attach?: () => Promise<Pick<Observer<unknown>, "observe"> & { close(): void }>,
): Promise<{ sample: Sample }> {
  const server = await startServer(contestant);
  try {
    const attached = await attach?.();
    try {
      const { target } = server;
      const job = { work: work.name, parameters, target, timing };
      const timeoutMs = timing.warmupMs + timing.durationMs + slackMs;
      const result = await runJob(job, timeoutMs, attached?.observe);
      if ("error" in result) {
        throw new Error(result.error);
      }
      return result;
    } finally {
      attached?.close();
    }
  } finally {
    await server.stop();
  }
}
