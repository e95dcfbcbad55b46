import { type ReactNode, useRef, useState } from "react";
import { EmptyState } from "../design/empty-state.tsx";
import { Icon } from "../design/icon.tsx";
import { PageHeader } from "../shell/page-header.tsx";
import { MetricCard } from "./metric-card.tsx";
import "./metrics-page.css";
import { type Metrics, useMetrics } from "./use-metrics.ts";

const windows = [
  { text: "1 min", seconds: 60 },
  { text: "5 min", seconds: 300 },
];

/** What the server measures of itself, live. */
export function MetricsPage({ onMenu }: { readonly onMenu: () => void }): ReactNode {
  const metrics = useMetrics();
  const [isPaused, setIsPaused] = useState(false);
  const [windowSeconds, setWindowSeconds] = useState(60);
  const { charts, problem } = useHeld(metrics, isPaused);
  return (
    <>
      <PageHeader
        title="Metrics"
        detail={isPaused ? "Paused: readings are still kept" : "Measured by the server each second"}
        onMenu={onMenu}
      >
        <fieldset className="metrics-windows" aria-label="How much is shown">
          {windows.map(({ text, seconds }) => (
            <button
              key={seconds}
              type="button"
              aria-pressed={windowSeconds === seconds}
              onClick={() => setWindowSeconds(seconds)}
            >
              {text}
            </button>
          ))}
        </fieldset>
        <button
          type="button"
          className="button metrics-pause"
          aria-pressed={isPaused}
          onClick={() => setIsPaused(!isPaused)}
        >
          <Icon name={isPaused ? "play" : "pause"} size={18} />
          <span className="metrics-pause-text">{isPaused ? "Go on" : "Pause"}</span>
        </button>
      </PageHeader>
      <div className="page-body">
        {problem && charts.length > 0 && (
          <p className="metrics-problem" role="alert">
            <Icon name="alert" size={18} />
            {problem} It is tried again every few seconds.
          </p>
        )}
        {problem && charts.length === 0 && (
          <EmptyState icon="alert" title="There are no metrics">
            <p>{problem} It is tried again every few seconds.</p>
          </EmptyState>
        )}
        <div className="metrics">
          {charts.map((chart) => (
            <MetricCard key={chart.name} chart={chart} windowSeconds={windowSeconds} />
          ))}
          {charts.length === 0 && !problem && <Skeletons />}
        </div>
      </div>
    </>
  );
}

/** What was there when it was paused. */
function useHeld(metrics: Metrics, isPaused: boolean): Metrics {
  const held = useRef(metrics);
  if (!isPaused) {
    held.current = metrics;
  }
  return held.current;
}

function Skeletons(): ReactNode {
  return ["a", "b", "c", "d", "e", "f"].map((key) => (
    <div key={key} className="metrics-skeleton" aria-hidden="true" />
  ));
}
