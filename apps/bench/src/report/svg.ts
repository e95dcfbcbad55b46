import type { CaseResult, ContestantResult, RunReport, WorkResult } from "../run-report.ts";
import { formatCount, formatFigure } from "./figures.ts";
import { describeRounds } from "./rounds.ts";

// A block for each case: bars to the scale of its own largest, whiskers from the smallest
// to the largest sample, the figures beside them.

const width = 900;
const labelWidth = 170;
const figureWidth = 170;
const barHeight = 14;
const rowHeight = 20;
const margin = 20;
const palette = ["#1f6f8b", "#7fb7be", "#c97b30", "#8a5a83", "#5b7f3a", "#8c8c8c", "#b34a4a"];

/** Draws a report's first metrics as a chart. */
export function formatSvg(report: RunReport): string {
  const colours = new Map(
    report.contestants.map(({ name }, index) => [name, palette[index % palette.length] as string]),
  );
  const parts: string[] = [];
  let y = margin + 12;
  const { environment } = report;
  parts.push(
    text(
      margin,
      y,
      `${environment.processor}, ${environment.cores} cores, Node ${environment.node}; ` +
        [`medians of ${describeRounds(report)}`, "whiskers from min to max", ...report.notes].join(
          "; ",
        ),
      "note",
    ),
  );
  for (const work of report.works) {
    y += 34;
    parts.push(text(margin, y, work.title, "title"));
    const [metric] = work.metrics;
    y += 18;
    parts.push(text(margin, y, `${metric.title}, ${metric.better} is better`, "note"));
    for (const workCase of work.cases) {
      y += 24;
      parts.push(text(margin, y, workCase.name, "case"));
      y += 6;
      for (const [index, result] of workCase.results.entries()) {
        const colour = colours.get(result.contestant) ?? "#000";
        parts.push(...drawRow(y + index * rowHeight, work, workCase, result, colour));
      }
      y += workCase.results.length * rowHeight;
    }
  }
  const height = y + margin;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    "<title>Medians of each case, a bar for each contestant</title>",
    "<style>text{font:12px system-ui,sans-serif;fill:#222}.title{font-size:16px;font-weight:600}" +
      ".case{font-weight:600}.note{fill:#666}.end{text-anchor:end}</style>",
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}

function drawRow(
  y: number,
  { metrics: [{ key }] }: WorkResult,
  { results }: CaseResult,
  result: ContestantResult,
  colour: string,
): string[] {
  const summary = result.summaries[key];
  const baseline = y + barHeight - 2;
  const label = text(margin + labelWidth - 8, baseline, result.contestant, "end");
  const left = margin + labelWidth;
  if (!summary) {
    return [label, text(left, baseline, "failed", "note")];
  }
  const largest = Math.max(...results.map(({ summaries }) => summaries[key]?.max ?? 0), 1e-9);
  const scale = (width - 2 * margin - labelWidth - figureWidth) / largest;
  const at = (figure: number) => round(left + figure * scale);
  const middle = round(y + barHeight / 2);
  const ratio = result.ratio === undefined ? "" : ` (${result.ratio.toFixed(2)}x)`;
  const lost = result.lost > 0 ? `, lost ${formatCount(result.lost)}` : "";
  return [
    label,
    `<rect x="${left}" y="${y}" width="${round(summary.median * scale)}" height="${barHeight}" fill="${colour}"/>`,
    `<path d="M${at(summary.min)} ${middle}H${at(summary.max)}" stroke="#222"/>`,
    text(at(summary.max) + 6, baseline, `${formatFigure(summary.median)}${ratio}${lost}`, "figure"),
  ];
}

function text(x: number, y: number, content: string, className: string): string {
  return `<text x="${x}" y="${y}" class="${className}">${escapeXml(content)}</text>`;
}

function escapeXml(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

function round(figure: number): number {
  return Math.round(figure * 10) / 10;
}
