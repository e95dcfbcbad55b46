import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { contestants } from "./contestants/index.ts";
import { createPeer } from "./contestants/peer.ts";
import { type Options, readOptions } from "./options.ts";
import { createProgress } from "./progress.ts";
import { formatJson } from "./report/json.ts";
import { formatSvg } from "./report/svg.ts";
import { formatReport } from "./report/table.ts";
import type { RunReport } from "./run-report.ts";
import { run } from "./runner.ts";
import { works } from "./work/index.ts";

const quickLimitMs = 175_000;

const options = readOptions(process.argv.slice(2));
const report = await measure(options);
process.stdout.write(formatReport(report));
writeReport(report, options.out);
if (report.works.length === 0) {
  process.stderr.write("bench: nothing was measured\n");
  process.exitCode = 1;
}

function measure(options: Options): Promise<RunReport> {
  const { only, isQuick, rounds, warmupMs, durationMs, baseline } = options;
  const peers = options.peers.map((peer) => createPeer(peer, options.peerService));
  return run({
    works: works.filter(({ name }) => only?.includes(name) ?? true),
    contestants: [...contestants, ...peers].filter(
      ({ name }) => options.contestants?.includes(name) ?? true,
    ),
    rounds,
    timing: { warmupMs, durationMs },
    isQuick,
    ...(isQuick ? { timeLimitMs: quickLimitMs } : {}),
    baseline,
    progress: createProgress(),
  });
}

function writeReport(report: RunReport, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const json = join(folder, "bench.json");
  const svg = join(folder, "bench.svg");
  writeFileSync(json, formatJson(report));
  writeFileSync(svg, formatSvg(report));
  process.stdout.write(`\nwritten: ${resolve(json)}, ${resolve(svg)}\n`);
}
