import { join } from "node:path";
import { parseArgs } from "node:util";
import { caseSelections, parseSelection } from "./case-selection.ts";
import {
  conformanceModule,
  conformanceVersion,
  ensureContract,
  packageFolder,
} from "./contract.ts";
import { ensureGoTool, requirePrograms } from "./go-tool.ts";
import { parseParts } from "./hosting.ts";
import { runSuite, type SuiteOutcome } from "./run-suite.ts";

// Runs the official suite against the hosting. Ends with the line "N passed, N failed", and
// with failure unless all cases passed that there should be, on the path that should serve
// them. A server that does not end by itself after its last case counts as a failed case.

const { values: flags } = parseArgs({
  options: {
    // Which cases; see case-selection.ts. Default: all that the other flags allow.
    cases: { type: "string" },
    // Leaves a part of the hosting out.
    without: { type: "string", multiple: true, default: [] },
    // What carries the calls: "http", or "tunnel" for WebSockets.
    over: { type: "string", default: "http" },
    // Answers streams by frames.
    frames: { type: "boolean", default: false },
    // The runner's own: a pattern of the cases to run, and the HTTP traffic of failures.
    run: { type: "string", multiple: true, default: [] },
    trace: { type: "boolean", default: false },
  },
});
const without = parseParts(flags.without);
const overTunnel = parseCarrier(flags.over) === "tunnel";
const defaultCases = overTunnel ? "tunnel" : flags.frames ? "frames" : "all";
const selection = caseSelections[parseSelection(flags.cases ?? defaultCases)];

requirePrograms("conformance", "go", "buf");
ensureContract();
const runner = ensureGoTool(
  { path: `${conformanceModule}/cmd/connectconformance`, version: conformanceVersion },
  join(packageFolder, ".tools"),
);
const outcome = await runSuite(runner, {
  runnerFlags: [
    ["--conf", join("config", selection.config)],
    selection.skip?.flatMap((pattern) => ["--skip", pattern]) ?? [],
    flags.run.flatMap((pattern) => ["--run", pattern]),
    flags.trace ? ["--trace"] : [],
  ].flat(),
  serverFlags: [
    without.flatMap((part) => ["--without", part]),
    overTunnel ? ["--over", "tunnel"] : [],
    flags.frames ? ["--frames"] : [],
  ].flat(),
});

const problems = complaintsOf(outcome);
for (const problem of problems) {
  process.stdout.write(`FAILED: ${problem}\n`);
}
process.stdout.write(`${outcome.leanPathCallCount} calls served by the lean path\n`);
process.stdout.write(`${outcome.passed} passed, ${outcome.failed} failed\n`);
process.exitCode = problems.length === 0 ? 0 : 1;

/** What is not as it should be. Of cases picked by a pattern it is not known how many there are. */
function complaintsOf({ ending, passed, failed, leanPathCallCount }: SuiteOutcome): string[] {
  const isWhole = flags.run.length === 0;
  const { caseCount } = selection;
  const most = without.includes("lean-path") ? 0 : selection.leanPathCallCount;
  const least = Math.max(0, most - selection.shortCallCount);
  return [
    ending !== 0 && `the runner ended with ${ending}`,
    (passed === 0 || failed > 0) && `${failed} cases failed, and ${passed} passed`,
    isWhole && passed !== caseCount && `${passed} cases passed, and not ${caseCount}`,
    (leanPathCallCount > most || (isWhole && leanPathCallCount < least)) &&
      `the lean path served ${leanPathCallCount} calls, and not ${least} to ${most}`,
  ].filter((complaint) => complaint !== false);
}

function parseCarrier(name: string): "http" | "tunnel" {
  if (name !== "http" && name !== "tunnel") {
    throw new Error(`--over ${name}: not one of http, tunnel`);
  }
  return name;
}
