import type { AttackProtocol } from "./attacks/attack.ts";

/** What a run of the fuzzer does. */
export interface FuzzOptions {
  /** Determines all that is sent. */
  readonly seed: number;
  readonly durationMs: number;
  readonly isTls: boolean;
  /** Attacks of one protocol only. Default: of all. */
  readonly only?: AttackProtocol | undefined;
  /** Attacks whose name has this in it. Default: all. */
  readonly attack?: string | undefined;
  /** No attacks whose name has one of these in it. */
  readonly without?: readonly string[];
  /** One of the steps of the seed, again and again. Default: all of them, one after another. */
  readonly step?: number | undefined;
  /** How many attacks run at a time. Default 6. */
  readonly laneCount?: number;
  /** How much memory the server may have. Default 1.5 GB. */
  readonly maxResidentBytes?: number;
  /** How much more of memory it may hold afterwards than before. Default 256 MiB. */
  readonly maxHeldBytes?: number;
  /** How long a well-behaved client may wait. Default 30,000. */
  readonly maxWaitMs?: number;
  /** How long the server may take to recover from the attack. Default 60,000. */
  readonly settleTimeoutMs?: number;
  /** Told how it goes, about once a second. */
  readonly onProgress?: (line: string) => void;
}

/** What options that are left out stand for. */
export const defaults = {
  laneCount: 6,
  maxResidentBytes: 1_500_000_000,
  maxHeldBytes: 256 * 1024 ** 2,
  maxWaitMs: 30_000,
  // Clients that are gone without a word are found within a minute.
  settleTimeoutMs: 120_000,
} as const;
