import type { Script, Step } from "./attacks/attack.ts";
import { fillRooms } from "./fill-rooms.ts";
import { type FuzzedServer, startFuzzedServer } from "./fuzzed-server.ts";
import { type FuzzStep, isKilledBy } from "./run-fuzz.ts";

/** Where and how long to look. */
export interface ShrinkOptions {
  readonly isTls: boolean;
  readonly maxResidentBytes: number;
  /** Default 60,000. */
  readonly timeoutMs?: number;
}

/** The smallest attack found that kills alone. */
export interface ShrunkStep {
  readonly step: FuzzStep;
  /** What the server last printed. */
  readonly lastWords: string;
}

/** How often an attack is tried that may need luck. */
const tries = 25;

/**
 * Finds which of the attacks kills a server, or bloats it, by itself, and takes away
 * from it what is not needed for that, as long as the time allows.
 */
export async function shrink(
  suspects: readonly FuzzStep[],
  { isTls, maxResidentBytes, timeoutMs = 60_000 }: ShrinkOptions,
): Promise<ShrunkStep | undefined> {
  const deadlineMs = performance.now() + timeoutMs;
  let server: FuzzedServer | undefined;
  let lastWords = "";

  /** A server that has survived one attack takes the next. */
  async function kills(step: FuzzStep): Promise<boolean> {
    if (!server) {
      server = await startFuzzedServer(isTls);
      await fillRooms(server.url);
    }
    const isKilled = await isKilledBy(server, step, tries, maxResidentBytes);
    if (isKilled) {
      lastWords = server.death ? server.lastWords : "its memory grew";
      await server.dispose();
      server = undefined;
    }
    return isKilled;
  }

  try {
    for (const suspect of suspects) {
      if (performance.now() > deadlineMs) {
        return undefined;
      }
      if (await kills(suspect)) {
        let step = suspect;
        for (let smaller: FuzzStep | undefined = step; smaller; ) {
          step = smaller;
          smaller = undefined;
          for (const candidate of smallerThan(step)) {
            if (performance.now() < deadlineMs && (await kills(candidate))) {
              smaller = candidate;
              break;
            }
          }
        }
        return { step, lastWords };
      }
    }
    return undefined;
  } finally {
    await server?.dispose();
  }
}

/** The same attack with a connection less, or one thing less on one of them. */
function* smallerThan(step: FuzzStep): Generator<FuzzStep> {
  const { scripts } = step;
  if (scripts.length > 1) {
    for (const script of scripts) {
      yield { ...step, scripts: [script] };
    }
    return;
  }
  const [script] = scripts as [Script];
  for (const steps of shorterThan(script.steps)) {
    yield { ...step, scripts: [{ ...script, steps }] };
  }
}

function* shorterThan(steps: readonly Step[]): Generator<Step[]> {
  for (let size = Math.ceil(steps.length / 2); size > 0; size = size > 1 ? size >> 1 : 0) {
    for (let start = 1; start < steps.length; start += size) {
      yield steps.toSpliced(start, size);
    }
  }
}
