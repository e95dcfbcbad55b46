import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { needsTools } from "@parley/testing/tools";
import { chosenAttacks, planStep } from "./run-fuzz.ts";

const mainPath = fileURLToPath(new URL("main.ts", import.meta.url));

/** They ask for gigabytes each, or take long: they are for longer runs. */
const heaviest = ["nobody reads", "without a window", "millions of fields", "do not end"];

suite("a server under attack lives, forgets, and serves others", () => {
  const runs = [
    { name: "cleartext", isTls: false, seed: 20_261, needed: {} },
    { name: "TLS", isTls: true, seed: 20_262, needed: needsTools("openssl") },
  ];
  for (const { name, isTls, seed, needed } of runs) {
    test(name, needed, async (t) => {
      const flags = heaviest.flatMap((name) => ["--without", name]);
      const child = spawn(
        process.execPath,
        [mainPath, "--seed", `${seed}`, "--duration", "6s", ...flags, ...(isTls ? ["--tls"] : [])],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      t.after(() => child.kill());
      const exited = once(child, "exit");
      t.diagnostic(await text(child.stdout));
      assert.deepEqual(await exited, [0, null]);
    });
  }
});

test("a seed sends the same again", () => {
  const attacks = chosenAttacks({ without: heaviest });
  for (let number = 0; number < 30; number++) {
    assert.deepEqual(planStep(7, number, attacks), planStep(7, number, attacks));
  }
});
