import assert from "node:assert/strict";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fillRooms } from "../fuzz/fill-rooms.ts";
import { type FuzzedServer, startFuzzedServer } from "../fuzz/fuzzed-server.ts";
import { settle, standing } from "../fuzz/settle.ts";

/** How much memory the server may have, with default flags, whatever is asked of it. */
const maxResidentBytes = 1_500_000_000;
/** For how long the memory of a server does not grow that has come to rest. */
const quietTimeMs = 5_000;

/**
 * Runs an attack on a server in a process of its own, with data in its rooms, and holds the
 * server to what matters: that the process lives, that its memory is bounded all the while,
 * that it answers afterwards, and that nothing is left of the attack.
 */
export async function expectSurvival(
  t: TestContext,
  attack: (server: FuzzedServer) => Promise<void>,
): Promise<void> {
  const server = await startFuzzedServer(false);
  t.after(() => server.dispose());
  await fillRooms(server.url);
  const before = await standing(server);
  let isOver = false;
  let residentBytes = 0;
  const watchMemory = async () => {
    while (!isOver && residentBytes < maxResidentBytes) {
      residentBytes = server.memory()?.bytes ?? 0;
      await delay(50);
    }
  };
  const attacked = attack(server).finally(() => {
    isOver = true;
  });
  await Promise.race([attacked, server.died, watchMemory()]);
  if (residentBytes >= maxResidentBytes) {
    // It would take all memory of the machine.
    await server.dispose();
  }
  await attacked;
  assert.ok(
    residentBytes < maxResidentBytes,
    `the server had ${Math.round(residentBytes / 1e6)} MB of memory`,
  );
  assert.equal(server.death, undefined, `the server died: ${server.lastWords}`);
  const { failures } = await settle(server, before, {
    maxHeldBytes: 256 * 1024 ** 2,
    settleTimeoutMs: 60_000,
  });
  assert.deepEqual(failures, []);
  assert.equal(server.death, undefined, `the server died: ${server.lastWords}`);
}

/** Does the same again and again, as long as the server lives. */
export async function repeatWhileAlive(
  server: FuzzedServer,
  count: number,
  run: (index: number) => Promise<unknown>,
): Promise<void> {
  for (let index = 0; index < count && !server.death; index++) {
    await run(index);
  }
}

/**
 * Sends bytes on a connection that takes no answers, and holds it until the server has done
 * with them all it will: until its memory has not grown for some time.
 */
export async function holdWithoutReading(server: FuzzedServer, bytes: Buffer): Promise<void> {
  const socket = connect(server.port, "127.0.0.1");
  socket.on("error", () => {});
  socket.pause();
  socket.write(bytes);
  let largestBytes = 0;
  for (let quietMs = 0; quietMs < quietTimeMs && !server.death; quietMs += 100) {
    const { bytes: residentBytes } = server.memory() ?? { bytes: 0 };
    if (residentBytes > largestBytes + 8e6) {
      largestBytes = residentBytes;
      quietMs = 0;
    }
    await delay(100);
  }
  socket.destroy();
}
