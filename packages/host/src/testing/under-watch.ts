import assert from "node:assert/strict";
import { Agent as CleartextAgent } from "node:http";
import { Agent } from "node:https";
import type { TestContext } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { createCertificate } from "@parley/testing/certificate";
import { EchoService } from "../gen/testing/v1/echo_pb.ts";
import { type EchoProcess, type EchoProcessOptions, startEchoProcess } from "./echo-process.ts";
import { createTransport } from "./transports.ts";

const mebibyte = 1024 * 1024;

/** No call of others may take longer, on whichever machine. */
const callTimeoutMs = 60_000;
/** How much longer than before it may take without a word, and with one. */
const notableFactor = 20;
const notableMs = 1_000;
const tolerableMs = 10_000;

/**
 * What a server may hold more of after an attack than before it: caches, compiled code
 * and what a garbage collector leaves, but nothing that grows with an attack.
 */
const heldToleranceBytes = 16 * mebibyte;

/** Limits of what a server may need in the midst of an attack. */
export interface WatchOptions extends EchoProcessOptions {
  /** How much its memory may grow. Default 400 MiB. */
  readonly peakGrowthBytes?: number;
}

/** What lasts as long as an attack. */
export interface AttackScope {
  after(callback: () => unknown): void;
}

/**
 * Runs an attack on a server in a process of its own and holds the server to what matters:
 * that other clients are served all the while, on connections that they have and on new
 * ones; that nothing is thrown that nobody handles; and that when the attack is over,
 * no connection, session or memory is left of it. What the attack opens, it ends, or has
 * ended by `after`, which is called back when the attack is over.
 */
export async function underWatch(
  t: TestContext,
  { peakGrowthBytes = 400 * mebibyte, ...options }: WatchOptions,
  attack: (server: EchoProcess & AttackScope) => Promise<void>,
): Promise<void> {
  const server = await startEchoProcess(t, options);
  const others = createOthers(server.url, options.tls?.cert);
  for (let count = 0; count < 20; count++) {
    await others.callEach();
  }
  const usualMs = others.takeDurations()[20] ?? 0;
  // The connection that is left is that of the client of HTTP/2.
  const before = await server.settled(1);

  const ends: (() => unknown)[] = [];
  let isOver = false;
  const callAllTheTime = async () => {
    while (!isOver) {
      await others.callEach();
    }
  };
  const startMs = performance.now();
  await Promise.all([
    callAllTheTime(),
    attack({ ...server, after: (callback) => ends.push(callback) }).finally(() => {
      isOver = true;
      for (const end of ends) {
        end();
      }
    }),
  ]);
  const attackMs = performance.now() - startMs;
  const durations = others.takeDurations();
  await others.callEach();

  const after = await server.settled(1);
  t.diagnostic(
    `${durations.length} calls of others; held ${inMebibytes(after.usedBytes - before.usedBytes)} more` +
      `, at most ${inMebibytes(after.peakResidentBytes - before.peakResidentBytes)} more`,
  );
  checkDurations(t, { durations, usualMs, attackMs });
  assert.deepEqual(after.unhandled, []);
  assert.equal(after.connectionCount, 1);
  assert.equal(after.sessionCount, 1);
  assert.ok(after.usedBytes - before.usedBytes < heldToleranceBytes, "memory is held");
  assert.ok(after.peakResidentBytes - before.peakResidentBytes < peakGrowthBytes, "memory grew");
}

/** The same, over TLS; needs openssl. */
export function watchOverTls(): typeof underWatch {
  const tls = createCertificate();
  return (t, options, attack) => underWatch(t, { tls, ...options }, attack);
}

/** Clients that are to be served all the while. */
function createOthers(baseUrl: string, ca: string | undefined) {
  const trusted = ca === undefined ? {} : { ca };
  // Without TLS its connections are made by the agent of node:http.
  const agent =
    ca === undefined
      ? new CleartextAgent({ keepAlive: false })
      : new Agent({ keepAlive: false, ca });
  const clients = [
    createTransport({ protocol: "grpc", httpVersion: "2", baseUrl, ...trusted }),
    createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { agent } }),
  ].map((transport) => createClient(EchoService, transport));
  let durations: number[] = [];
  let callCount = 0;
  return {
    async callEach(): Promise<void> {
      for (const client of clients) {
        const text = `call ${callCount++}`;
        const startMs = performance.now();
        const answer = await client.unary({ text }, { timeoutMs: callTimeoutMs });
        assert.equal(answer.text, text);
        durations.push(performance.now() - startMs);
      }
    },
    /** How long the calls took since this was last asked for, shortest first. */
    takeDurations(): readonly number[] {
      const taken = durations.sort((a, b) => a - b);
      durations = [];
      return taken;
    },
  };
}

/**
 * Others may be slower amid an attack, as it takes its share of the machine; by how much is
 * measured by what the same calls took before, so that a slow machine makes no difference.
 */
function checkDurations(
  t: TestContext,
  watched: {
    readonly durations: readonly number[];
    readonly usualMs: number;
    readonly attackMs: number;
  },
): void {
  const { durations, usualMs, attackMs } = watched;
  const longestMs = durations.at(-1) ?? 0;
  const allowedMs = notableFactor * usualMs + notableMs;
  const figures = `${longestMs.toFixed(0)} ms, ${usualMs.toFixed(1)} ms before the attack`;
  if (longestMs > allowedMs) {
    t.diagnostic(`a call of others took ${figures}`);
  }
  assert.ok(longestMs <= Math.max(allowedMs, tolerableMs), `others wait: ${figures}`);
  const leastCount = Math.floor(attackMs / Math.max(allowedMs, tolerableMs));
  assert.ok(durations.length >= Math.max(leastCount, 2), "others are not served");
}

function inMebibytes(bytes: number): string {
  return `${(bytes / mebibyte).toFixed(1)} MiB`;
}
