import type { RunReport } from "../run-report.ts";

/** Writes a report, every sample included, as JSON. */
export function formatJson(report: RunReport): string {
  return `${JSON.stringify(report, undefined, 2)}\n`;
}
