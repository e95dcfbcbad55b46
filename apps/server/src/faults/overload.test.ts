import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ChatService } from "@parley/proto/chat/v1";
import { RetryInfoSchema } from "@parley/proto/google/rpc/error_details";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { needsTools } from "@parley/testing/tools";
import { databasePath } from "../log/sqlite/database.ts";
import { readHistory } from "./testing/message-load.ts";
import { delayCalls } from "./testing/tamper-with-calls.ts";

const mebibyte = 1024 * 1024;
/** Small enough that no request waits for room before it has arrived. */
const contentBytes = 60 * 1024;
/** More than the 256 MiB that may wait for the disk, and what is being written besides. */
const sentCount = 6_000;
const connectionCount = 20;

test(
  "what waits for a slow disk is bounded, and what was taken is kept",
  needsTools("strace"),
  async (t) => {
    const folder = temporaryFolder(t);
    const server = await startServerProcess([
      "--data",
      folder,
      "--port",
      "0",
      "--log-level",
      "info",
    ]);
    t.after(() => server.stop("SIGKILL"));
    const connect = () => createClient(ChatService, createGrpcTransport({ baseUrl: server.url }));
    const client = connect();
    const send = (room: string, content: string) =>
      connect().sendMessage({ room, user: "ann", content });
    // HTTP/2 bounds what one connection may have in memory.
    const clients = Array.from({ length: connectionCount }, connect);
    await send("small", "before");
    const file = databasePath(folder);
    const delays = await delayCalls(server.pid, ["pwrite64"], [file, `${file}-wal`]);
    t.after(() => delays.stop());

    const isSettled = new Set<number>();
    const large = Array.from({ length: sentCount }, (_, index) =>
      (clients[index % connectionCount] as typeof client)
        .sendMessage({ room: "large", user: "ann", content: `${index} `.padEnd(contentBytes, "x") })
        .finally(() => isSettled.add(index)),
    );
    // Nothing is acknowledged while the disk stands still: the first to end is refused.
    await assert.rejects(Promise.race(large), isOverload);
    await assert.rejects(send("small", "refused"), isOverload);
    assert.ok(isSettled.size < sentCount, "others wait");
    const { messages } = await client.listMessages({ room: "small" });
    assert.deepEqual(
      messages.map(({ content }) => content),
      ["before"],
      "reading goes on",
    );
    const residentBytes = residentBytesOf(server.pid);
    assert.ok(residentBytes < 1_600 * mebibyte, `${residentBytes / mebibyte} MiB are held`);
    await delays.stop();

    const outcomes = await Promise.allSettled(large);
    const taken: number[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === "fulfilled") {
        taken.push(index);
      } else {
        assert.ok(isOverload(outcome.reason));
      }
    }
    // What each message takes beside its text counts, too.
    assert.ok(taken.length * contentBytes >= 240 * mebibyte, `${taken.length} taken`);
    assert.ok(taken.length < sentCount);
    const stored = (await readHistory(client, "large")).map(({ content }) =>
      Number.parseInt(content, 10),
    );
    assert.deepEqual(
      stored.toSorted((a, b) => a - b),
      taken,
    );
    await send("small", "after");
    assert.equal(await server.stop(), 0);
  },
);

function isOverload(error: unknown): boolean {
  const connectError = ConnectError.from(error);
  assert.equal(connectError.code, Code.ResourceExhausted, connectError.message);
  assert.match(connectError.rawMessage, /too many messages wait to be written/);
  assert.equal(connectError.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds, 1n);
  return true;
}

function residentBytesOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
