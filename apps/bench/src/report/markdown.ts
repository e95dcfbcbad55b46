import type { RunReport, WorkResult } from "../run-report.ts";
import { describeRun } from "./preamble.ts";
import { escapeMarkdown, formatMarkdownTable } from "./table-layout.ts";
import { failureOf, figuresOf, figureTitles } from "./work-rows.ts";

/** Writes a report as GitHub's Markdown, a table for each work: what the printed one says. */
export function formatMarkdown(report: RunReport): string {
  const lines = [
    ...describeRun(report).map((line) => `- ${escapeMarkdown(line)}`),
    ...report.works.flatMap((work) => ["", ...formatWork(work, report.baseline)]),
    ...report.notes.flatMap((note) => ["", escapeMarkdown(note)]),
  ];
  return `${lines.join("\n")}\n`;
}

function formatWork(work: WorkResult, baseline: string): string[] {
  const failures = work.cases.flatMap(({ name, results }) =>
    results
      .map(failureOf)
      .filter((line) => line !== undefined)
      .map((line) => `- ${escapeMarkdown(`${name}: ${line}`)}`),
  );
  return [
    `**${escapeMarkdown(work.title)}**`,
    "",
    ...formatMarkdownTable({
      columns: [
        { title: "case", align: "left" },
        { title: "contestant", align: "left" },
        ...figureTitles(work, baseline).map((title) => ({ title, align: "right" }) as const),
      ],
      rows: work.cases.flatMap(({ name, results }) =>
        results.map((result, index) => [
          index === 0 ? name : "",
          result.contestant,
          ...figuresOf(work, result),
        ]),
      ),
    }),
    ...(failures.length > 0 ? ["", ...failures] : []),
  ];
}
