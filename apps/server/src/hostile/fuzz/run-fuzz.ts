import { setTimeout as delay } from "node:timers/promises";
import { allAttacks, pickAttack } from "./attacks/all-attacks.ts";
import type { Attack, Script } from "./attacks/attack.ts";
import { faultsOf } from "./complaints.ts";
import { fillRooms } from "./fill-rooms.ts";
import type { FuzzOptions } from "./fuzz-options.ts";
import { defaults } from "./fuzz-options.ts";
import { type Death, type FuzzedServer, startFuzzedServer } from "./fuzzed-server.ts";
import { type Outcome, playScript } from "./play-script.ts";
import { createRandom } from "./random.ts";
import { settle, standing } from "./settle.ts";
import { startWatcher, type WatcherReport } from "./watcher.ts";

/** One attack of a run. */
export interface FuzzStep {
  readonly number: number;
  readonly attack: Attack;
  readonly scripts: readonly Script[];
}

/** What a run of the fuzzer found. */
export interface FuzzReport {
  readonly seed: number;
  readonly isTls: boolean;
  readonly pid: number;
  readonly stepCount: number;
  readonly requestCount: number;
  /** How the connections of each kind of attack went. */
  readonly outcomes: ReadonlyMap<string, ReadonlyMap<Outcome, number>>;
  /** The server's memory, once a second, in bytes. */
  readonly residentBytes: readonly number[];
  readonly peakResidentBytes: number;
  readonly heldBytes: number | undefined;
  readonly watcher: WatcherReport | undefined;
  readonly death: Death | undefined;
  /** What the server printed to standard error. */
  readonly lastWords: string;
  /** What makes the run fail. */
  readonly failures: readonly string[];
  /** The attacks that ran when the server died or grew too large, and just before, last first. */
  readonly suspects: readonly FuzzStep[];
}

/** How many finished attacks are remembered as suspects. */
const rememberedSteps = 12;

/**
 * The attack of a step: what is sent depends on nothing but seed, number and choice. Odd
 * numbers stand for heavy attacks, even ones for all others.
 */
export function planStep(seed: number, number: number, attacks: readonly Attack[]): FuzzStep {
  const random = createRandom(seed, number);
  const attack = pickAttack(random, attacksOfKind(attacks, number % 2 === 1));
  return { number, attack, scripts: attack.plan(random) };
}

function attacksOfKind(attacks: readonly Attack[], heavy: boolean): Attack[] {
  return attacks.filter(({ isHeavy = false }) => isHeavy === heavy);
}

/** The attacks that options choose. */
export function chosenAttacks({
  only,
  attack = "",
  without = [],
}: Pick<FuzzOptions, "only" | "attack" | "without">): Attack[] {
  return allAttacks.filter(
    ({ name, protocol }) =>
      (only === undefined || protocol === only) &&
      name.includes(attack) &&
      !without.some((text) => name.includes(text)),
  );
}

/** Attacks a server of its own for a while, and tells how it stood up to that. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzReport> {
  const { seed, isTls, onProgress = () => {} } = options;
  const { laneCount, maxResidentBytes, maxHeldBytes, maxWaitMs, settleTimeoutMs } = {
    ...defaults,
    ...options,
  };
  const attacks = chosenAttacks(options);
  const server = await startFuzzedServer(isTls);
  const failures: string[] = [];
  const outcomes = new Map<string, Map<Outcome, number>>();
  const residentBytes: number[] = [];
  const running = new Set<FuzzStep>();
  const finished: FuzzStep[] = [];
  let suspects: readonly FuzzStep[] = [];
  let heavyCount = 0;
  let lightCount = 0;
  let stepCount = 0;
  let requestCount = 0;
  let peakBytes = 0;
  let isOver = false;
  let isTooLarge = false;

  function giveUp(failure: string): void {
    if (!isOver) {
      isOver = true;
      suspects = [...running, ...finished.toReversed()];
      failures.push(failure);
    }
  }

  async function runStep(step: FuzzStep): Promise<void> {
    running.add(step);
    stepCount++;
    const { name, protocol } = step.attack;
    const counts = outcomes.get(name) ?? new Map<Outcome, number>();
    outcomes.set(name, counts);
    await Promise.all(
      step.scripts.map(async (script) => {
        const outcome = await playScript(server, protocol, script);
        counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
        requestCount += script.requestCount;
      }),
    );
    running.delete(step);
    finished.push(step);
    finished.splice(0, finished.length - rememberedSteps);
  }

  /** Heavy attacks have one lane, all others the rest. */
  async function runLane(_: unknown, lane: number): Promise<void> {
    const isHeavy = lane === 0;
    const isOtherKind = options.step !== undefined && (options.step % 2 === 1) !== isHeavy;
    if (isOtherKind || attacksOfKind(attacks, isHeavy).length === 0) {
      return;
    }
    while (!isOver) {
      const number = options.step ?? (isHeavy ? 2 * heavyCount++ + 1 : 2 * lightCount++);
      await runStep(planStep(seed, number, attacks));
    }
  }

  async function watchMemory(): Promise<void> {
    for (let count = 0; !isOver; count++) {
      const memory = server.memory();
      peakBytes = memory?.peakBytes ?? peakBytes;
      if (memory && count % 10 === 0) {
        residentBytes.push(memory.bytes);
        onProgress(
          `seed ${seed}, ${stepCount} attacks, ${requestCount} requests, ` +
            `${Math.round(memory.bytes / 1e6)} MB, ${running.size} attacks under way`,
        );
      }
      if (memory && memory.bytes > maxResidentBytes) {
        giveUp(`the server has ${Math.round(memory.bytes / 1e6)} MB of memory`);
        // It would take all memory of the machine.
        isTooLarge = true;
        await server.dispose();
      }
      await delay(100);
    }
  }

  try {
    await fillRooms(server.url);
    const before = await standing(server);
    const watcher = await startWatcher({ url: server.url, maxWaitMs });
    server.died.then(({ code, signal }) => giveUp(`the server died: ${signal ?? `code ${code}`}`));
    const over = delay(options.durationMs, undefined, { ref: false });
    const lanes = Array.from({ length: laneCount }, runLane);
    await Promise.race([over, server.died, watchMemory()]);
    const brokeOff = isOver;
    isOver = true;
    if (!brokeOff) {
      await Promise.all(lanes);
    }
    let report: WatcherReport | undefined;
    let heldBytes: number | undefined;
    if (failures.length > 0 || server.death) {
      await watcher.abandon();
    } else {
      await delay(500);
      report = await watcher.stop();
      failures.push(...watcher.failures, ...(report?.missing ?? ["the watcher does not answer"]));
      const after = await settle(server, before, { maxHeldBytes, settleTimeoutMs });
      heldBytes = after.heldBytes;
      failures.push(...after.failures);
      if (server.death) {
        failures.push("the server died when the attack was over");
      }
    }
    const peakResidentBytes = server.memory()?.peakBytes ?? peakBytes;
    const lastWords = isTooLarge ? "" : server.lastWords;
    if (lastWords !== "" && !server.death) {
      failures.push("the server printed to standard error");
    }
    failures.push(...faultsOf(server.complaints));
    return {
      seed,
      isTls,
      pid: server.pid,
      stepCount,
      requestCount,
      outcomes,
      residentBytes,
      peakResidentBytes,
      heldBytes,
      watcher: report,
      death: isTooLarge ? undefined : server.death,
      lastWords,
      failures,
      suspects: suspects.length > 0 ? suspects : finished.toReversed(),
    };
  } finally {
    isOver = true;
    await server.dispose();
  }
}

/** Whether a server that only these attack, again and again, dies or grows too large. */
export async function isKilledBy(
  server: FuzzedServer,
  step: FuzzStep,
  tries: number,
  maxResidentBytes: number,
): Promise<boolean> {
  for (let count = 0; count < tries; count++) {
    const over = Promise.all(
      step.scripts.map((script) => playScript(server, step.attack.protocol, script)),
    );
    for (let isDone = false; !isDone; ) {
      isDone = await Promise.race([over.then(() => true), delay(50, false)]);
      if ((server.memory()?.bytes ?? 0) > maxResidentBytes) {
        return true;
      }
      if (server.death) {
        return true;
      }
    }
  }
  await delay(100);
  return server.death !== undefined;
}
