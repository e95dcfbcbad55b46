import type { Random } from "../random.ts";

/** What a connection of an attack does next. */
export type Step =
  /** Sends these bytes by one write: a segment, or what TCP makes of it. */
  | { readonly kind: "send"; readonly bytes: Buffer }
  /** Sends the same bytes many times, as fast as the server takes them. */
  | { readonly kind: "flood"; readonly bytes: Buffer; readonly count: number }
  | { readonly kind: "wait"; readonly ms: number }
  /** Waits until so many more bytes have come, the connection is over, or the time is up. */
  | { readonly kind: "receive"; readonly bytes: number; readonly timeoutMs: number }
  | { readonly kind: "stop-reading" }
  | { readonly kind: "read-on" }
  /** Half-closes, closes, or resets the connection. */
  | { readonly kind: "leave"; readonly how: "half-close" | "close" | "reset" };

/** The version of HTTP that a connection speaks, which TLS negotiates. */
export type AttackProtocol = "http1" | "http2" | "websocket";

/** What one connection does. A connection that has done it all is closed. */
export interface Script {
  readonly steps: readonly Step[];
  /** Whether an HTTP/2 connection answers SETTINGS and PING, and gives its windows back. */
  readonly isPolite: boolean;
  /** How many requests are in it, as far as it can be told. */
  readonly requestCount: number;
}

/** A kind of attack. */
export interface Attack {
  readonly name: string;
  readonly protocol: AttackProtocol;
  /** How often it is chosen, beside the others. Default 1. */
  readonly weight?: number;
  /** Whether it takes much of a server's memory or time: one such attack runs at a time. */
  readonly isHeavy?: boolean;
  /** The connections of one attack of this kind: the same for the same random numbers. */
  plan(random: Random): readonly Script[];
}

export function send(...parts: readonly Uint8Array[]): Step {
  return { kind: "send", bytes: Buffer.concat(parts) };
}

export function wait(ms: number): Step {
  return { kind: "wait", ms };
}

export function receive(bytes = 1, timeoutMs = 2_000): Step {
  return { kind: "receive", bytes, timeoutMs };
}

/** One of the ways to leave. */
export function leave(random: Random): Step {
  return { kind: "leave", how: random.pick(["half-close", "close", "reset"]) };
}

/** Bytes in writes that are cut anywhere, with pauses between some of them. */
export function inPieces(random: Random, bytes: Buffer, cuts: number): Step[] {
  const ends = Array.from({ length: cuts }, () => random.int(0, bytes.length));
  const steps: Step[] = [];
  let start = 0;
  for (const end of [...ends, bytes.length].sort((a, b) => a - b)) {
    if (end > start) {
      steps.push(send(bytes.subarray(start, end)));
      if (random.chance(0.3)) {
        steps.push(wait(random.int(0, 5)));
      }
    }
    start = end;
  }
  return steps;
}
