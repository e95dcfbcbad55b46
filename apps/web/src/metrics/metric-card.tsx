import { metricUnit } from "@parley/client";
import { type CSSProperties, type ReactNode, useState } from "react";
import { formatReading } from "../format/quantity.ts";
import { LineChart } from "./line-chart.tsx";
import { lineColor } from "./line-colors.ts";
import "./metric-card.css";
import type { MetricChart } from "./metric-history.ts";
import { titleOf } from "./metric-names.ts";

export interface MetricCardProps {
  readonly chart: MetricChart;
  readonly windowSeconds: number;
}

/** A metric: its readings now, or where the chart is pointed at, and over time. */
export function MetricCard({ chart, windowSeconds }: MetricCardProps): ReactNode {
  const [pointed, setPointed] = useState<number>();
  const unit = metricUnit(chart.name);
  return (
    <section className="metric-card" aria-label={titleOf(chart.name)}>
      <div className="metric-card-head">
        <h2>{titleOf(chart.name)}</h2>
        <span className="metric-card-unit">{unit}</span>
      </div>
      <dl className="metric-card-lines">
        {chart.lines.map(({ label, values }, index) => (
          <div key={label} style={{ "--line": lineColor(index) } as CSSProperties}>
            <dt>{label}</dt>
            <dd>{format(values[pointed ?? values.length - 1])}</dd>
          </div>
        ))}
      </dl>
      <LineChart chart={chart} windowSeconds={windowSeconds} onPoint={setPointed} />
    </section>
  );
}

function format(value: number | null | undefined): string {
  return value === null || value === undefined ? "–" : formatReading(value);
}
