import type { RunReport, WorkResult } from "../run-report.ts";
import { describeRun } from "./preamble.ts";
import { alignTable } from "./table-layout.ts";
import { failureOf, figuresOf, figureTitles } from "./work-rows.ts";

/** Lays a report out as text, a table for each work. */
export function formatReport(report: RunReport): string {
  const lines = [
    ...describeRun(report),
    ...report.works.flatMap((work) => ["", ...formatWork(work, report.baseline)]),
    "",
    ...report.notes,
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}

function formatWork(work: WorkResult, baseline: string): string[] {
  const [titles = "", ...lines] = alignTable({
    columns: ["", ...figureTitles(work, baseline)].map((title, index) => ({
      title,
      align: index === 0 ? "left" : "right",
    })),
    rows: work.cases.flatMap(({ results }) =>
      results.map((result) => [`  ${result.contestant}`, ...figuresOf(work, result)]),
    ),
  });
  // The name of a case is a line of its own, and takes part in no column.
  const groups = work.cases.flatMap(({ name, results }) => [
    name,
    ...lines.splice(0, results.length),
    ...results
      .map(failureOf)
      .filter((line) => line !== undefined)
      .map((line) => `  ${line}`),
  ]);
  return [work.title, titles, ...groups];
}
