import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ChatService } from "@parley/proto/chat/v1";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { needsTools } from "@parley/testing/tools";
import { openForWriting } from "../log/sqlite/database.ts";
import { openSqliteMessageLog } from "../log/sqlite/sqlite-message-log.ts";
import { type DiskEvent, diskTraceArguments, readDiskTrace } from "./testing/disk-trace.ts";
import { FailingDisk, type FailureVariant, failureVariants } from "./testing/failing-disk.ts";
import { runMessageLoad } from "./testing/message-load.ts";
import { findFaults, type LogHistory, readLogHistory } from "./testing/recovered-log.ts";
import { createSeededRandom } from "./testing/seeded-random.ts";
import { startStraceServer } from "./testing/strace-server.ts";

// A killed server tells nothing of the disk: the system keeps what it was handed. So here a
// server's writes and syncs are recorded under load, and its data folder is made anew as the
// power may have left it, at many points of the record.

const load = {
  rooms: ["a", "b", "c"],
  senders: 3,
  messagesPerSender: 300,
  uploads: 5,
  messagesPerUpload: 40,
};
const seed = 20_260_101;

/** All that a server did to its disk under load, and what its clients were told meanwhile. */
interface Recording {
  readonly events: readonly DiskEvent[];
  readonly history: LogHistory;
}

async function record(t: TestContext, ...flags: string[]): Promise<Recording> {
  const folder = temporaryFolder(t);
  const traceFile = join(temporaryFolder(t), "trace");
  const server = await startStraceServer(diskTraceArguments(traceFile), [
    ...["--data", folder, "--port", "0", ...flags],
  ]);
  t.after(() => server.stop("SIGKILL"));
  const { told } = await runMessageLoad(server.url, load);
  assert.equal(await server.stop(), 0);
  const events = await readDiskTrace(traceFile, folder);
  const traced = new Set(events.flatMap((event) => (event.type === "tell" ? event.numbers : [])));
  assert.deepEqual(traced, told, "the record has every acknowledgement that a client had");
  const checkpoints = events.filter(
    ({ type }, index) =>
      type === "write" && isCheckpoint(events[index]) && !isCheckpoint(events[index - 1]),
  );
  assert.ok(checkpoints.length >= 3, `${checkpoints.length} checkpoints under load`);
  return { events, history: readLogHistory(folder) };
}

function isCheckpoint(event: DiskEvent | undefined): boolean {
  return event?.type === "write" && event.file === "messages.sqlite";
}

interface Failure {
  readonly variant: FailureVariant;
  readonly folder: string;
  /** The highest number of a message that a client had been told of. */
  readonly toldNumber: number;
}

/** Lets the power fail at so many points, half of them within checkpoints or at syncs. */
async function failAt(
  { events }: Pick<Recording, "events">,
  count: number,
  onFailure: (failure: Failure) => Promise<void> | void,
): Promise<void> {
  const random = createSeededRandom(seed);
  const places = events.map((_, index) => index);
  const atCheckpoints = places.filter((index) => isCheckpoint(events[index]));
  const atSyncs = places.filter((index) => events[index]?.type.startsWith("sync"));
  const kinds = [places, places, atCheckpoints, atSyncs].filter(({ length }) => length > 0);
  const failuresBefore = new Map<number, number>();
  for (let index = 0; index < count; index++) {
    const place = random.pick(kinds[index % kinds.length] as number[]);
    failuresBefore.set(place, (failuresBefore.get(place) ?? 0) + 1);
  }
  // In memory where there is such a folder: nothing here is to survive.
  const parent = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const disk = new FailingDisk();
  let toldNumber = 0;
  for (const [index, event] of events.entries()) {
    for (let failure = failuresBefore.get(index) ?? 0; failure > 0; failure--) {
      const variant = random.pick(failureVariants);
      const folder = mkdtempSync(join(parent, "parley-"));
      try {
        disk.failInto(folder, variant, random);
        markAnotherBoot(folder);
        await onFailure({ variant, folder, toldNumber });
      } finally {
        rmSync(folder, { recursive: true });
      }
    }
    if (event.type === "tell") {
      toldNumber = Math.max(toldNumber, ...event.numbers);
    } else {
      disk.apply(event);
    }
  }
}

/** The machine comes up again: it is another boot than the one that a marker names. */
function markAnotherBoot(folder: string): void {
  const marker = join(folder, "unsynced");
  if (existsSync(marker)) {
    writeFileSync(marker, "an earlier boot");
  }
}

/** What the engine itself answers: keys of messages that were told, and where it goes on. */
async function assertGoesOn({ folder, toldNumber }: Failure, history: LogHistory) {
  const log = await openSqliteMessageLog({ folder, idempotencyWindowMs: 3_600_000 });
  try {
    const told = history.messages.slice(0, toldNumber);
    const firsts = history.keys.slice(Math.max(0, toldNumber - 30), toldNumber);
    const records = firsts.map(({ room, user, key: idempotencyKey, number }) => ({
      ...{ room, user, idempotencyKey, receivedAtMs: Date.now() },
      payload: told[number - 1]?.payload as Uint8Array,
    }));
    const again = await log.append(records);
    assert.deepEqual(
      again.map(({ sequence, serial, duplicate }) => ({ sequence, serial, duplicate })),
      firsts.map(({ sequence, number }) => ({ sequence, serial: number, duplicate: true })),
    );
    const room = load.rooms[0] as string;
    const { head } = await log.extent(room);
    const payload = new TextEncoder().encode("after the failure");
    const next = { room, user: "next", idempotencyKey: "", receivedAtMs: Date.now(), payload };
    const [result] = await log.append([next]);
    assert.equal(result?.sequence, head + 1);
    assert.ok((result?.serial ?? 0) > toldNumber);
    assert.ok(
      head >= Math.max(0, ...told.filter((row) => row.room === room).map((row) => row.sequence)),
    );
  } finally {
    await log.close();
  }
}

test(
  "nothing that was acknowledged is lost to a power failure",
  needsTools("strace"),
  async (t) => {
    const { events, history } = await record(t);
    let failures = 0;
    await failAt({ events }, 600, async (failure) => {
      failures += 1;
      const at = `failure ${failures} (${failure.variant}, told ${failure.toldNumber})`;
      assert.deepEqual(findFaults(failure.folder, history, failure.toldNumber), [], at);
      if (failures % 30 === 0) {
        await assertGoesOn(failure, history);
      }
    });
    assert.equal(failures, 600);

    await t.test("and the same record without its syncs shows losses and damage", async () => {
      const withoutSyncs = events.filter(({ type }) => !type.startsWith("sync"));
      const faults: string[] = [];
      await failAt({ events: withoutSyncs }, 100, ({ folder, toldNumber }) => {
        faults.push(...findFaults(folder, history, toldNumber));
      });
      assert.ok(
        faults.some((fault) => fault.startsWith("lost")),
        "losses",
      );
      assert.ok(
        faults.some((fault) => fault.startsWith("damaged")),
        "damage",
      );
    });
  },
);

test(
  "--sync system may lose the newest messages to a power failure, and says so",
  needsTools("strace"),
  async (t) => {
    const { events, history } = await record(t, "--sync", "system");
    const faults: string[] = [];
    await failAt({ events }, 200, ({ folder, toldNumber }) => {
      // The server takes its marker away when it has ended, and all is on disk.
      const isMarked = existsSync(join(folder, "unsynced"));
      const { database, warnings } = openForWriting(folder, { newEpoch: false, sync: "system" });
      const epoch = database.prepare("SELECT epoch FROM log").get()?.epoch;
      database.close();
      assert.equal(/the machine went down.*a new epoch/.test(warnings.join()), isMarked);
      assert.ok(toldNumber === 0 || (epoch !== history.epoch) === isMarked);
      const found = findFaults(folder, history, toldNumber);
      assert.ok(isMarked || found.length === 0, found.join());
      faults.push(...found);
    });
    assert.deepEqual(
      faults.filter((fault) => !fault.startsWith("lost")),
      [],
    );
    assert.ok(faults.length > 10, `${faults.length} losses`);
  },
);

test("--sync system survives a kill, and the epoch goes on", async (t) => {
  const flags = ["--data", temporaryFolder(t), "--port", "0", "--sync", "system"];
  const epochs = new Set<string | undefined>();
  for (let life = 1; life <= 3; life++) {
    const server = await startServerProcess(flags);
    t.after(() => server.stop("SIGKILL"));
    const client = createClient(ChatService, createGrpcTransport({ baseUrl: server.url }));
    await client.sendMessage({ room: "a", user: "ann", content: "hello" });
    const { messages, head } = await client.listMessages({ room: "a" });
    assert.equal(messages.length, life);
    epochs.add(head?.epoch);
    await server.stop("SIGKILL");
  }
  assert.equal(epochs.size, 1);
});
