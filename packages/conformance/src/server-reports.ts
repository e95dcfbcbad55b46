/**
 * What a server tells on standard error when it ends, in lines that others do not begin with.
 */

/** Begins the line by which a server tells that calls or connections were left open. */
export const leftOpenMark = "left open:";

const leanPathMark = "calls served by the lean path:";

/** The line that tells how many calls the lean path has served. */
export function reportLeanPathCalls(count: number): string {
  return `${leanPathMark} ${count}`;
}

/** Reads a line of {@link reportLeanPathCalls}; undefined when it is another. */
export function parseLeanPathCalls(line: string): number | undefined {
  const [, count] = line.split(`${leanPathMark} `);
  return count === undefined ? undefined : Number(count);
}
