import { mkdirSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Contestant } from "./contestants/contestant.ts";
import { contestants } from "./contestants/index.ts";
import { createPeer } from "./contestants/peer.ts";
import { type Options, readOptions } from "./options.ts";
import { formatProfile, formatProfileMarkdown } from "./profile/format-profile.ts";
import { profiledCases } from "./profile/profiled-cases.ts";
import { runProfiles } from "./profile/run-profiles.ts";
import { createProgress } from "./progress.ts";
import { formatJson } from "./report/json.ts";
import { formatMarkdown } from "./report/markdown.ts";
import { formatSvg } from "./report/svg.ts";
import { formatReport } from "./report/table.ts";
import { run } from "./runner.ts";
import { works } from "./work/index.ts";

const quickLimitMs = 175_000;

const options = readOptions(process.argv.slice(2));
const isAnyMeasured = await (options.isProfile ? profile(options) : measure(options));
if (!isAnyMeasured) {
  process.stderr.write("bench: nothing was measured\n");
  process.exitCode = 1;
}

async function measure(options: Options): Promise<boolean> {
  const { only, isQuick, isLimited, rounds, warmupMs, durationMs, baseline } = options;
  const report = await run({
    works: works.filter(({ name }) => only?.includes(name) ?? true),
    contestants: chooseContestants(options),
    rounds,
    timing: { warmupMs, durationMs },
    isQuick,
    ...(isLimited ? { timeLimitMs: quickLimitMs } : {}),
    baseline,
    progress: createProgress(),
  });
  process.stdout.write(formatReport(report));
  writeFiles(options.out, {
    "bench.json": formatJson(report),
    "bench.md": formatMarkdown(report),
    "bench.svg": formatSvg(report),
  });
  return report.works.length > 0;
}

async function profile(options: Options): Promise<boolean> {
  const { only, warmupMs, durationMs } = options;
  const report = await runProfiles({
    cases: profiledCases.filter(({ work }) => only?.includes(work.name) ?? true),
    contestants: chooseContestants(options),
    timing: { warmupMs, durationMs },
    progress: createProgress(),
  });
  process.stdout.write(formatProfile(report));
  writeFiles(options.out, {
    "profile.json": formatJson(report),
    "profile.md": formatProfileMarkdown(report),
  });
  return report.works.some(({ results }) => results.some(({ sample }) => sample));
}

function chooseContestants({ contestants: wanted, peers, peerService }: Options): Contestant[] {
  return [...contestants, ...peers.map((peer) => createPeer(peer, peerService))].filter(
    ({ name }) => wanted?.includes(name) ?? true,
  );
}

function writeFiles(folder: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true });
  const paths = Object.entries(files).map(([name, content]) => {
    const path = resolve(folder, name);
    writeFileSync(path, content);
    return path;
  });
  process.stdout.write(`\nwritten: ${paths.join(", ")}\n`);
}
