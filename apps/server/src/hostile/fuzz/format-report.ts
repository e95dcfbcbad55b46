import type { Step } from "./attacks/attack.ts";
import type { FuzzReport, FuzzStep } from "./run-fuzz.ts";

const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;

/** A report as text for people. */
export function formatReport(report: FuzzReport): string {
  const { seed, isTls, pid, watcher, heldBytes, residentBytes, failures, death } = report;
  const rows = [...report.outcomes].map(([name, counts]) => {
    const parts = Array.from(counts, ([outcome, count]) => `${outcome} ${count}`);
    return `  ${name}: ${parts.join(", ")}`;
  });
  const every = Math.max(1, Math.ceil(residentBytes.length / 20));
  const curve = residentBytes.filter((_, index) => index % every === 0).map(megabytes);
  return [
    `seed ${seed}, ${isTls ? "TLS" : "cleartext"}: ${report.stepCount} attacks, ${report.requestCount} requests`,
    "connections, by what became of them:",
    ...rows.sort(),
    `memory: ${curve.join(", ")}; at most ${megabytes(report.peakResidentBytes)}` +
      (heldBytes === undefined ? "" : `; holds ${megabytes(heldBytes)} more than before`),
    watcher
      ? `watcher: ${watcher.sentCount} messages; ${[watcher.p50Ms, watcher.p99Ms, watcher.maxMs]
          .map((ms) => `${ms.toFixed(1)} ms`)
          .join(", ")} (p50, p99, max)`
      : "watcher: did not end",
    death ? `process ${pid} died` : `process ${pid} lives`,
    ...(report.lastWords ? [report.lastWords] : []),
    ...(failures.length > 0
      ? ["FAILED:", ...failures.map((failure) => `- ${failure}`), ...suspectLines(report)]
      : ["passed"]),
  ].join("\n");
}

function suspectLines({ seed, suspects }: FuzzReport): string[] {
  return suspects
    .slice(0, 8)
    .flatMap((step) => [
      `step ${step.number} (replay: --seed ${seed} --step ${step.number}): ${step.attack.name}`,
      ...formatStep(step, 80),
    ]);
}

/** What the connections of a step send, the end of each write, in JavaScript's notation of strings. */
export function formatStep({ scripts }: FuzzStep, maxBytes: number): string[] {
  return scripts.slice(0, 4).map(
    ({ steps }) =>
      `  ${steps
        .slice(-6)
        .map((step) => formatAction(step, maxBytes))
        .join("; ")}`,
  );
}

function formatAction(step: Step, maxBytes: number): string {
  switch (step.kind) {
    case "send":
    case "flood": {
      const { bytes } = step;
      const count = step.kind === "flood" ? `${step.count} times ` : "";
      const cut = bytes.length > maxBytes ? "…" : "";
      return `${count}${bytes.length} bytes ${cut}${escapeBytes(bytes.subarray(-maxBytes))}`;
    }
    case "wait":
      return `wait ${step.ms} ms`;
    case "receive":
      return `receive ${step.bytes} bytes`;
    case "leave":
      return step.how;
    default:
      return step.kind;
  }
}

function escapeBytes(bytes: Buffer): string {
  const text = bytes
    .toString("latin1")
    .replace(/[\\"]/g, "\\$&")
    .replace(/\r/g, "\\r")
    .replace(/\n/g, "\\n")
    .replace(/[^ -~]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `"${text}"`;
}
