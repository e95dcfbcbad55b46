import type { WindowEvent } from "../load/window-event.ts";
import { type CpuProfile, summariseCpuProfile, type ThreadProfile } from "./cpu-profile.ts";
import type { InspectedThread, Inspector } from "./inspector.ts";

// The sampler's own cost stays below a tenth at this interval.
const samplingIntervalMicroseconds = 500;

/** Looks at a server from the beginning to the end of the measured time. */
export interface Observer<Seen> {
  /** Called when the measured time begins and when it has ended; the load waits for it. */
  observe(event: WindowEvent): Promise<void>;
  /** What was seen. Throws when the measured time has not ended. */
  seen(): Seen;
}

/** Samples what all threads of a server do in the measured time. */
export function observeCpu({ threads }: Inspector): Observer<readonly ThreadProfile[]> {
  let profiles: ThreadProfile[] | undefined;
  let startCpuSeconds: readonly number[] = [];
  const start = async () => {
    const interval = { interval: samplingIntervalMicroseconds };
    await Promise.all(threads.map(({ call }) => call("Profiler.enable")));
    await Promise.all(threads.map(({ call }) => call("Profiler.setSamplingInterval", interval)));
    await Promise.all(threads.map(({ call }) => call("Profiler.start")));
    startCpuSeconds = await Promise.all(threads.map(readCpuSeconds));
  };
  const stop = async () => {
    const cpuSeconds = await Promise.all(threads.map(readCpuSeconds));
    const stopped = threads.map(({ call }) => call<{ profile: CpuProfile }>("Profiler.stop"));
    profiles = (await Promise.all(stopped)).map(({ profile }, index) =>
      summariseCpuProfile(
        threads[index]?.name ?? "",
        (cpuSeconds[index] ?? 0) - (startCpuSeconds[index] ?? 0),
        profile,
      ),
    );
  };
  return {
    observe: (event) => (event === "opened" ? start() : stop()),
    seen() {
      if (profiles === undefined) {
        throw new Error("the measured time has not ended");
      }
      return profiles;
    },
  };
}

/** The CPU time of a thread since it started: a sampler goes by the clock. */
async function readCpuSeconds({ call }: InspectedThread): Promise<number> {
  const expression = "Object.values(process.threadCpuUsage()).reduce((a, b) => a + b)";
  const { result } = await call<{ result: { value: number } }>("Runtime.evaluate", { expression });
  return result.value / 1e6;
}
