import assert from "node:assert/strict";
import { Agent } from "node:http";
import type { TestContext } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { EchoService } from "../gen/testing/v1/echo_pb.ts";
import { type EchoProcess, type EchoProcessOptions, startEchoProcess } from "./echo-process.ts";
import { createTransport } from "./transports.ts";

const mebibyte = 1024 * 1024;

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
  const { url: baseUrl } = server;
  const agent = new Agent({ keepAlive: false });
  const clients = [
    createTransport({ protocol: "grpc", httpVersion: "2", baseUrl }),
    createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { agent } }),
  ].map((transport) => createClient(EchoService, transport));
  let callCount = 0;
  const callEach = async () => {
    for (const client of clients) {
      const text = `call ${callCount++}`;
      assert.equal((await client.unary({ text })).text, text);
    }
  };
  for (let count = 0; count < 20; count++) {
    await callEach();
  }
  // The connection that is left is that of the client of HTTP/2.
  const before = await server.settled(1);

  const ends: (() => unknown)[] = [];
  let isOver = false;
  const callAllTheTime = async () => {
    while (!isOver) {
      await callEach();
    }
  };
  await Promise.all([
    callAllTheTime(),
    attack({ ...server, after: (callback) => ends.push(callback) }).finally(() => {
      isOver = true;
      for (const end of ends) {
        end();
      }
    }),
  ]);
  await callEach();

  const after = await server.settled(1);
  t.diagnostic(
    `${callCount} calls of others; held ${inMebibytes(after.usedBytes - before.usedBytes)} more` +
      `, at most ${inMebibytes(after.peakResidentBytes - before.peakResidentBytes)} more`,
  );
  assert.deepEqual(after.unhandled, []);
  assert.equal(after.connectionCount, 1);
  assert.equal(after.sessionCount, 1);
  assert.ok(after.usedBytes - before.usedBytes < heldToleranceBytes, "memory is held");
  assert.ok(after.peakResidentBytes - before.peakResidentBytes < peakGrowthBytes, "memory grew");
}

function inMebibytes(bytes: number): string {
  return `${(bytes / mebibyte).toFixed(1)} MiB`;
}
