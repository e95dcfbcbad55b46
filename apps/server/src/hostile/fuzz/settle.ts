import { setTimeout as delay } from "node:timers/promises";
import type { FuzzedServer } from "./fuzzed-server.ts";

/** What a server holds, by its own metrics. */
export interface Standing {
  /** What JavaScript holds, buffers included. */
  readonly usedBytes: number;
  readonly calls: number;
  readonly connections: number;
  readonly sessions: number;
  readonly subscriptions: number;
}

/** Reads what a server holds, less what is garbage. */
export async function standing(
  server: Pick<FuzzedServer, "metrics" | "collectGarbage">,
): Promise<Standing> {
  await server.collectGarbage();
  const metrics = await server.metrics();
  const read = (name: string) => metrics.get(name) ?? 0;
  return {
    usedBytes: read("nodejs_heap_size_used_bytes") + read("nodejs_external_memory_bytes"),
    calls: read("grpc_server_calls_in_flight"),
    // The one that asks is not counted.
    connections: read("parley_open_connections") - 1,
    sessions: read("parley_open_http2_sessions"),
    subscriptions: read("parley_open_subscriptions"),
  };
}

/** Waits until a server that everybody has left holds no more than before, or long enough. */
export async function settle(
  server: FuzzedServer,
  before: Standing,
  limits: { readonly maxHeldBytes: number; readonly settleTimeoutMs: number },
): Promise<{ readonly heldBytes: number | undefined; readonly failures: readonly string[] }> {
  const deadlineMs = performance.now() + limits.settleTimeoutMs;
  let heldBytes: number | undefined;
  let failures = ["the server does not answer when the attack is over"];
  while (performance.now() < deadlineMs && !server.death && failures.length > 0) {
    try {
      const now = await standing(server);
      heldBytes = now.usedBytes - before.usedBytes;
      failures = (["calls", "connections", "sessions", "subscriptions"] as const)
        .filter((name) => now[name] > before[name])
        .map((name) => `${now[name] - before[name]} ${name} are left when all clients have gone`);
      if (heldBytes > limits.maxHeldBytes) {
        failures.push(`${Math.round(heldBytes / 1e6)} MB are held when all clients have gone`);
      }
    } catch (error) {
      failures = [`the server does not answer when the attack is over: ${error}`];
    }
    await delay(failures.length > 0 ? 500 : 0);
  }
  return { heldBytes, failures };
}
