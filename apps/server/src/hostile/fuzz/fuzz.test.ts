import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { needsTools } from "@parley/testing/tools";
import { formatReport } from "./format-report.ts";
import { chosenAttacks, planStep, runFuzz } from "./run-fuzz.ts";

const runs = [
  { name: "cleartext", isTls: false, seed: 20_261, options: {} },
  { name: "TLS", isTls: true, seed: 20_262, options: needsTools("openssl") },
];

/** They ask for gigabytes each, or take long: they are for longer runs. */
const heaviest = ["nobody reads", "without a window", "millions of fields", "do not end"];

suite("a server under attack lives, forgets, and serves others", () => {
  for (const { name, isTls, seed, options } of runs) {
    test(`over ${name}`, options, async (t) => {
      const report = await runFuzz({
        seed,
        isTls,
        durationMs: 6_000,
        without: heaviest,
      });
      t.diagnostic(formatReport(report));
      assert.deepEqual(report.failures, []);
    });
  }
});

test("a seed sends the same again", () => {
  const attacks = chosenAttacks({ without: heaviest });
  for (let number = 0; number < 30; number++) {
    assert.deepEqual(planStep(7, number, attacks), planStep(7, number, attacks));
  }
});
