import { useEffect, useState } from "react";
import { describeError } from "../state/describe-error.ts";
import { client } from "../state/server.ts";
import { type MetricChart, MetricHistory } from "./metric-history.ts";

/** What the server measures, from when the page was opened. */
export interface Metrics {
  readonly charts: readonly MetricChart[];
  /** Why nothing comes, as a sentence. */
  readonly problem: string | undefined;
}

const maxRounds = 600;
// The readings of a round come at once: they are shown at once.
const roundDelayMs = 50;

/** Receives metrics for as long as the page is shown. A stream that breaks is opened again. */
export function useMetrics(): Metrics {
  const [charts, setCharts] = useState<readonly MetricChart[]>([]);
  const [problem, setProblem] = useState<string>();
  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const history = new MetricHistory(maxRounds);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const show = () => {
      timer = undefined;
      setProblem(undefined);
      setCharts(history.charts());
    };
    const receive = async () => {
      const stream = client.streamMetrics(
        {},
        {
          signal,
          onStateChange: (state) => {
            if (state.name === "waiting" || (state.name === "closed" && state.error)) {
              setProblem(describeError(state.error));
            }
          },
        },
      );
      for await (const metric of stream) {
        history.add(metric);
        timer ??= setTimeout(show, roundDelayMs);
      }
    };
    // What it rejects with is shown.
    receive().catch(() => {});
    return () => {
      leaving.abort();
      clearTimeout(timer);
    };
  }, []);
  return { charts, problem };
}
