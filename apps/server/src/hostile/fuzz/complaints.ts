/**
 * What a client did wrong, though the call ends with INTERNAL, as gRPC has it: the log says
 * so at level error. Anything else of that level is the server's own fault.
 */
const callersFaults = [/^parse binary: /, /^protocol error: /, /^premature end /];

/** The faults of the server in what it printed, each kind once and with how often it was seen. */
export function faultsOf(complaints: readonly string[]): string[] {
  const counts = new Map<string, { first: string; count: number }>();
  for (const line of complaints) {
    const fault = faultOf(line);
    if (fault === undefined) {
      continue;
    }
    const kind = fault.replace(/\d+/g, "0").slice(0, 200);
    const known = counts.get(kind);
    counts.set(kind, { first: known?.first ?? line, count: (known?.count ?? 0) + 1 });
  }
  return Array.from(
    counts.values(),
    ({ first, count }) => `the server complained ${count} times: ${first.slice(0, 3_000)}`,
  );
}

/** Codes that say that the server could not do what it should. */
const serversCodes = new Set([undefined, "Internal", "Unknown", "DataLoss"]);

function faultOf(line: string): string | undefined {
  let entry: { code?: string; err?: { message?: string; stack?: string }; msg?: string };
  try {
    entry = JSON.parse(line);
  } catch {
    return line;
  }
  const reason = (entry.err?.message ?? "").replace(/^\[\w+\] /, "");
  if (!serversCodes.has(entry.code) || callersFaults.some((pattern) => pattern.test(reason))) {
    return undefined;
  }
  return `${entry.msg} ${reason} ${entry.err?.stack}`;
}
