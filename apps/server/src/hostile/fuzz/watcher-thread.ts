import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import { setTimeout as delay } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { createWebSocketTransport } from "@parley/browser";
import { ChatService } from "@parley/proto/chat/v1";
import { watchedRoom } from "./rooms.ts";
import type { WatcherData, WatcherReport } from "./watcher.ts";

const { url: baseUrl, maxWaitMs } = workerData as WatcherData;
const isTls = baseUrl.startsWith("https:");
const nodeOptions = { rejectUnauthorized: false };
const room = watchedRoom;
const latencies: number[] = [];
const sentAtMs = new Map<number, number>();
const received = new Map<string, number>();
const sessions: Http2SessionManager[] = [];
let isOver = false;
let hasLeft = false;
let lastSent = 0;
let lastSequence = 0n;

function fail(reason: string): void {
  if (!hasLeft) {
    parentPort?.postMessage({ kind: "failure", reason });
  }
}

function session(): Http2SessionManager {
  const manager = new Http2SessionManager(baseUrl, {}, nodeOptions);
  sessions.push(manager);
  return manager;
}

const overHttp2 = createClient(
  ChatService,
  createGrpcTransport({ baseUrl, sessionManager: session() }),
);
const newAgent = (keepAlive: boolean) =>
  isTls ? new HttpsAgent({ ...nodeOptions, keepAlive }) : new HttpAgent({ keepAlive });
// Each of its calls is a connection of its own.
const overHttp1 = createClient(
  ChatService,
  createConnectTransport({
    baseUrl,
    httpVersion: "1.1",
    nodeOptions: { agent: newAgent(false) },
  }),
);

/** Counts what took how long, and what took too long. */
async function timed<T>(what: string, call: Promise<T>): Promise<T> {
  const startMs = performance.now();
  const result = await call;
  const tookMs = performance.now() - startMs;
  latencies.push(tookMs);
  if (tookMs > maxWaitMs) {
    fail(`${what} took ${Math.round(tookMs)} ms`);
  }
  return result;
}

async function subscribe(name: string, client: typeof overHttp2): Promise<void> {
  let last = lastSent;
  received.set(name, last);
  const stream = client.subscribeMessages({ room, user: name }, { signal: ended.signal });
  try {
    for await (const { id, content } of stream) {
      if (id === "system") {
        ready.shift()?.();
        continue;
      }
      const number = Number(content);
      if (number !== last + 1) {
        fail(`${name} received message ${content} after ${last}`);
      }
      last = number;
      received.set(name, number);
      const waitedMs = performance.now() - (sentAtMs.get(number) ?? Number.NaN);
      latencies.push(waitedMs);
      if (waitedMs > maxWaitMs) {
        fail(`${name} waited ${Math.round(waitedMs)} ms for a message`);
      }
    }
    fail(`the subscription over ${name} ended`);
  } catch (error) {
    fail(`the subscription over ${name} broke off: ${error}`);
  }
}

async function sendAll(): Promise<void> {
  while (!isOver) {
    const number = lastSent + 1;
    sentAtMs.set(number, performance.now());
    const content = String(number);
    const { sequence } = await timed(
      "SendMessage",
      overHttp2.sendMessage({ room, user: "watcher", content }, { timeoutMs: 2 * maxWaitMs }),
    );
    if (sequence <= lastSequence) {
      fail(`sequence ${sequence} came after ${lastSequence}`);
    }
    lastSequence = sequence;
    lastSent = number;
    for (const [name, last] of received) {
      if (performance.now() - (sentAtMs.get(last + 1) ?? Number.NaN) > maxWaitMs) {
        fail(`${name} does not get message ${last + 1}`);
      }
    }
    sentAtMs.delete(number - 10_000);
    await delay(10);
  }
}

async function listAll(client: typeof overHttp2, name: string): Promise<void> {
  while (!isOver) {
    const first = lastSent;
    const { messages } = await timed(
      `ListMessages over ${name}`,
      client.listMessages({ room, pageSize: 20 }, { timeoutMs: 2 * maxWaitMs }),
    );
    const numbers = messages.map(({ content }) => Number(content));
    if (numbers.some((number, index) => index > 0 && number !== (numbers[index - 1] ?? 0) + 1)) {
      fail(`ListMessages over ${name} skipped or repeated: ${numbers}`);
    }
    if ((numbers.at(-1) ?? -1) < first) {
      fail(`ListMessages over ${name} does not have message ${first}`);
    }
    await delay(25);
  }
}

const ended = new AbortController();
const ready: (() => void)[] = [];

const readers: Record<string, typeof overHttp2> = {
  "gRPC over HTTP/2": createClient(
    ChatService,
    createGrpcTransport({ baseUrl, sessionManager: session() }),
  ),
  "gRPC-Web over HTTP/1.1": createClient(
    ChatService,
    createGrpcWebTransport({
      baseUrl,
      httpVersion: "1.1",
      nodeOptions: { agent: newAgent(true) },
    }),
  ),
  // Its WebSocket does not take a certificate that nobody signed.
  ...(isTls ? {} : { WebSocket: createClient(ChatService, createWebSocketTransport({ baseUrl })) }),
};
const welcomed = Promise.all(
  Object.keys(readers).map(() => new Promise<void>((resolve) => ready.push(resolve))),
);
const subscriptions = Object.entries(readers).map(([name, client]) => subscribe(name, client));
await welcomed;
parentPort?.postMessage({ kind: "ready" });
const loops = [sendAll(), listAll(overHttp1, "HTTP/1.1"), listAll(overHttp2, "HTTP/2")].map(
  (loop) => loop.catch((error) => fail(String(error))),
);

parentPort?.once("message", async () => {
  // What was sent last has to arrive still.
  const deadlineMs = performance.now() + maxWaitMs;
  isOver = true;
  await Promise.all(loops);
  while (performance.now() < deadlineMs && [...received.values()].some((last) => last < lastSent)) {
    await delay(10);
  }
  const missing = [...received].filter(([, last]) => last < lastSent);
  hasLeft = true;
  ended.abort();
  await Promise.all(subscriptions);
  for (const manager of sessions) {
    manager.abort();
  }
  latencies.sort((a, b) => a - b);
  const quantile = (q: number) => latencies[Math.floor(q * (latencies.length - 1))] ?? 0;
  const report: WatcherReport = {
    sentCount: lastSent,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    maxMs: quantile(1),
    missing: missing.map(([name, last]) => `${name} stopped at ${last} of ${lastSent}`),
  };
  parentPort?.postMessage({ kind: "report", report });
  parentPort?.close();
});
