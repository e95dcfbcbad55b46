/** Writes a report, every sample included, as JSON. */
export function formatJson(report: object): string {
  return `${JSON.stringify(report, undefined, 2)}\n`;
}
