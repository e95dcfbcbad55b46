/** A stream for the option `logger` that keeps each line, parsed. */
export function logLines(lines: Record<string, unknown>[]): { write(line: string): void } {
  return { write: (line) => lines.push(JSON.parse(line)) };
}
