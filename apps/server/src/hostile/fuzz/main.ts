#!/usr/bin/env node
import { parseArgs } from "node:util";
import type { AttackProtocol } from "./attacks/attack.ts";
import { formatReport, formatStep } from "./format-report.ts";
import { chosenAttacks, runFuzz } from "./run-fuzz.ts";
import { shrink } from "./shrink.ts";

const help = `Attacks a Parley server of its own with valid and nearly valid traffic.

  --duration 2m        how long: 500ms, 10s, 2m, 1h (default 2m)
  --seed N             replays what that seed sends (default: a new one)
  --step N             only that step of the seed, again and again
  --only PROTOCOL      http1, http2 or websocket
  --attack TEXT        only attacks whose name has this in it
  --without TEXT       no attacks whose name has this in it; may be repeated
  --tls                over TLS
  --max-memory 1500MB  how much memory the server may have
  --no-shrink          do not look for the smallest case that kills
  --list               names all attacks
`;

const { values } = parseArgs({
  options: {
    duration: { type: "string", default: "2m" },
    seed: { type: "string" },
    step: { type: "string" },
    only: { type: "string" },
    attack: { type: "string" },
    without: { type: "string", multiple: true, default: [] },
    tls: { type: "boolean", default: false },
    "max-memory": { type: "string", default: "1500MB" },
    "no-shrink": { type: "boolean", default: false },
    list: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

function parseDuration(text: string): number {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const factor = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }[unit];
  if (factor === undefined) {
    throw new Error(`--duration takes 500ms, 10s, 2m or 1h, not ${text}`);
  }
  return Number(number) * factor;
}

function parseProtocol(text: string | undefined): AttackProtocol | undefined {
  if (text === undefined || text === "http1" || text === "http2" || text === "websocket") {
    return text;
  }
  throw new Error(`--only takes http1, http2 or websocket, not ${text}`);
}

async function main(): Promise<number> {
  const only = parseProtocol(values.only);
  const { attack, without, tls: isTls } = values;
  if (values.help || values.list) {
    const names = chosenAttacks({ only, attack, without }).map(({ name }) => name);
    process.stdout.write(values.help ? help : `${names.join("\n")}\n`);
    return 0;
  }
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const maxResidentBytes = Number.parseInt(values["max-memory"], 10) * 1e6;
  const step = values.step === undefined ? undefined : Number(values.step);
  process.stdout.write(`seed ${seed}\n`);
  const report = await runFuzz({
    seed,
    durationMs: parseDuration(values.duration),
    isTls,
    only,
    attack,
    without,
    step,
    maxResidentBytes,
    onProgress: (line) =>
      process.stdout.write(process.stdout.isTTY ? `\r\x1b[K${line}` : `${line}\n`),
  });
  process.stdout.write(`\n${formatReport(report)}\n`);
  if (report.failures.length === 0) {
    return 0;
  }
  const isFatal = report.death !== undefined || report.peakResidentBytes > maxResidentBytes;
  if (isFatal && !values["no-shrink"]) {
    process.stdout.write("\nlooking for what does it alone...\n");
    const found = await shrink(report.suspects, { isTls, maxResidentBytes });
    process.stdout.write(
      found
        ? `${found.step.attack.name}, step ${found.step.number} does. ` +
            `What is left of it:\n${formatStep(found.step, 2_000).join("\n")}\n${found.lastWords}\n`
        : "none of them does it alone\n",
    );
  }
  return 1;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => process.exit(130));
}

const exitCode = await main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  return 2;
});
// A process that ends by itself first cleans up after TLS connections whose socket was reset
// under a write, and has been seen to spin there for ever (Node 26.10).
process.exit(exitCode);
