import type { RunReport } from "../run-report.ts";
import { describeRounds } from "./rounds.ts";

/** What stands above the tables: the machine, how it was measured, who is left out. */
export function describeRun(report: RunReport): string[] {
  const { environment } = report;
  return [
    `${environment.processor}, ${environment.cores} cores, ${environment.system}, Node ${environment.node}`,
    `medians of ${describeRounds(report)} of ${report.settings.durationMs} ms; ratios to ${report.baseline}`,
    ...report.leftOut.map(({ name, reason }) => `left out: ${name}: ${reason}`),
  ];
}
