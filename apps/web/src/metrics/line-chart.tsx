import { type ReactNode, useEffect, useRef } from "react";
import UPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useTheme } from "../design/theme.tsx";
import { formatReading } from "../format/quantity.ts";
import { lineColor, resolveColor } from "./line-colors.ts";
import type { MetricChart } from "./metric-history.ts";

export interface LineChartProps {
  readonly chart: MetricChart;
  /** How much of the past is shown, in seconds. */
  readonly windowSeconds: number;
  /** Told the place that is pointed at; undefined when none is. */
  readonly onPoint: (index: number | undefined) => void;
}

const heightPixels = 168;
const font = "11px system-ui, sans-serif";
// With the pointer on one chart, all show the same time.
const cursorGroup = "metrics";

/** The lines of a metric over time, drawn by uPlot. What they are is told beside it. */
export function LineChart({ chart, windowSeconds, onPoint }: LineChartProps): ReactNode {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot>(undefined);
  const theme = useTheme();
  const latest = useRef({ windowSeconds, onPoint });
  latest.current = { windowSeconds, onPoint };
  const lineKey = chart.lines.map(({ label }) => label).join("\n");

  // biome-ignore lint/correctness/useExhaustiveDependencies: another theme or other lines need another plot
  useEffect(() => {
    const element = frame.current;
    if (!element) {
      return;
    }
    const grid = resolveColor(element, "--border");
    const text = resolveColor(element, "--ink-faint");
    const axis = {
      stroke: text,
      font,
      grid: { stroke: grid, width: 1 },
      ticks: { show: false },
      gap: 6,
    };
    const created = new UPlot(
      {
        width: element.clientWidth,
        height: heightPixels,
        padding: [8, 28, 0, 0],
        legend: { show: false },
        cursor: {
          sync: { key: cursorGroup },
          drag: { x: false, y: false },
          points: { size: 6 },
        },
        scales: {
          x: {
            range: (_, __, last) => [last - latest.current.windowSeconds, last],
          },
          y: { range: (_, __, highest) => [0, UPlot.rangeNum(0, highest || 1, 0.15, true)[1]] },
        },
        axes: [
          {
            ...axis,
            grid: { show: false },
            size: 26,
            gap: 6,
            space: 70,
            values: (_, times) => times.map(formatTick),
          },
          { ...axis, size: 52, space: 32, values: (_, values) => values.map(formatReading) },
        ],
        series: [
          {},
          ...chart.lines.map(({ label }, index) => ({
            label,
            stroke: lineColor(index),
            width: 1.75,
            points: { show: false },
            spanGaps: false,
          })),
        ],
        hooks: {
          setCursor: [({ cursor }) => latest.current.onPoint(cursor.idx ?? undefined)],
        },
      },
      toPlotData(chart),
      element,
    );
    plot.current = created;
    const observer = new ResizeObserver(() => {
      created.setSize({ width: element.clientWidth, height: heightPixels });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      created.destroy();
      plot.current = undefined;
    };
  }, [theme, lineKey]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another window is drawn from the same readings
  useEffect(() => plot.current?.setData(toPlotData(chart)), [chart, windowSeconds]);

  return <div ref={frame} className="line-chart" aria-hidden="true" />;
}

function toPlotData({ times, lines }: MetricChart): UPlot.AlignedData {
  return [times.slice(), ...lines.map(({ values }) => values.slice())];
}

function formatTick(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString("en", {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
}
