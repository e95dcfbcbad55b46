import assert from "node:assert/strict";
import { test } from "node:test";
import { formatReport } from "./format-report.ts";
import { chosenAttacks, planStep, runFuzz } from "./run-fuzz.ts";

/** They ask for gigabytes each, or take long: they are for longer runs. */
const heaviest = ["nobody reads", "without a window", "millions of fields", "do not end"];

// Over TLS it runs by `npm run fuzz -- --tls` alone: this process, the
// attacker's, has been seen to end or to stand still there; why is not known.
test("a server under attack lives, forgets, and serves others", async (t) => {
  const report = await runFuzz({
    seed: 20_261,
    isTls: false,
    durationMs: 6_000,
    without: heaviest,
  });
  t.diagnostic(formatReport(report));
  assert.deepEqual(report.failures, []);
});

test("a seed sends the same again", () => {
  const attacks = chosenAttacks({ without: heaviest });
  for (let number = 0; number < 30; number++) {
    assert.deepEqual(planStep(7, number, attacks), planStep(7, number, attacks));
  }
});
