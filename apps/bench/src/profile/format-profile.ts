import { formatFigure } from "../report/figures.ts";
import {
  alignTable,
  escapeMarkdown,
  formatMarkdownTable,
  type Table,
} from "../report/table-layout.ts";
import type { ProfiledWork, ProfileReport, ProfileResult } from "./profile-report.ts";
import { tabulateFunctions, tabulateHeaps, tabulateParts } from "./profile-tables.ts";

interface Section {
  readonly title: string;
  readonly tables: readonly Table[];
}

/** Lays profiles out as text. */
export function formatProfile(report: ProfileReport): string {
  const lines = [
    ...describeProfile(report),
    ...report.works.flatMap((work) => [
      "",
      work.title,
      work.caseName,
      ...listSections(work).flatMap(({ title, tables }) => [
        "",
        title,
        ...tables.flatMap((table, index) => [
          ...(index > 0 ? [""] : []),
          ...alignTable(table).map((line) => `  ${line}`),
        ]),
      ]),
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

/** Writes profiles as GitHub's Markdown. */
export function formatProfileMarkdown(report: ProfileReport): string {
  const lines = [
    ...describeProfile(report).map((line) => `- ${escapeMarkdown(line)}`),
    ...report.works.flatMap((work) => [
      "",
      `**${escapeMarkdown(work.title)}** (${escapeMarkdown(work.caseName)})`,
      ...listSections(work).flatMap(({ title, tables }) => [
        "",
        escapeMarkdown(title),
        ...tables.flatMap((table) => ["", ...formatMarkdownTable(table)]),
      ]),
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

function describeProfile({ environment, settings, leftOut }: ProfileReport): string[] {
  return [
    `${environment.processor}, ${environment.cores} cores, ${environment.system}, Node ${environment.node}`,
    `profiles of ${settings.durationMs} ms, after ${settings.warmupMs} ms`,
    ...leftOut.map(({ name, reason }) => `left out: ${name}: ${reason}`),
  ];
}

function listSections(work: ProfiledWork): Section[] {
  const { results } = work;
  const heaps = results.some(({ heap }) => heap)
    ? [{ title: "growth of the main thread's heap", tables: [tabulateHeaps(results)] }]
    : [];
  return [...results.flatMap((result) => describeResult(work, result)), ...heaps];
}

function describeResult(work: ProfiledWork, result: ProfileResult): Section[] {
  const { contestant, sample, threads, error } = result;
  if (!sample) {
    return [{ title: `${contestant} failed: ${error?.replaceAll(/\s+/g, " ")}`, tables: [] }];
  }
  if (!threads) {
    return [];
  }
  const rate = formatFigure(sample.values[work.metric.key] ?? 0);
  const cpu = formatFigure(sample.cpuSecondsPerMillion);
  return [
    {
      title: `${contestant}: ${rate} ${work.metric.title} while observed, ${cpu} us of CPU time a ${work.operation} by the system's count`,
      tables: [tabulateParts(threads, work, sample.count), tabulateFunctions(threads)],
    },
  ];
}
