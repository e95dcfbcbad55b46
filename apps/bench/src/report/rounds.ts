import type { RunReport } from "../run-report.ts";

/** How many rounds the medians are of, which differs when time ran out: "1 to 3 rounds". */
export function describeRounds({ works }: RunReport): string {
  const counts = works.flatMap(({ cases }) =>
    cases.flatMap(({ results }) => results.map(({ samples }) => samples.length)),
  );
  const some = counts.filter((count) => count > 0);
  const [least, most] = some.length > 0 ? [Math.min(...some), Math.max(...some)] : [0, 0];
  return `${least === most ? most : `${least} to ${most}`} round${most === 1 ? "" : "s"}`;
}
