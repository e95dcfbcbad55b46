import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { hostname } from "node:os";
import { createInterface } from "node:readline";
import { suite, type TestContext, test } from "node:test";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { needsTools } from "@parley/testing/tools";
import { createOriginalClient, type Metric, type Timestamp } from "../testing/original-client.ts";
import { buildOriginalGoClient, originalFolder } from "../testing/original-go-client.ts";
import { suiteServer } from "../testing/suite-server.ts";

suite("a grpc-js client of the original contract", { concurrency: true }, () => {
  const server = suiteServer();

  test("SendMessage", async (t) => {
    const client = createOriginalClient(t, server().url);
    const numbers: number[] = [];
    for (const content of ["Hello from unary RPC!", "and again"]) {
      const sent = await client.send({ user: "Alice", content, room: "unary" });
      assertNow(sent.timestamp);
      numbers.push(Number(/^msg_(\d+)$/.exec(sent.message_id)?.[1]));
    }
    const [first = 0, second = 0] = numbers;
    assert.ok(first > 0 && second > first, String(numbers));
  });

  test("SubscribeMessages", async (t) => {
    const client = createOriginalClient(t, server().url);
    const room = "subscribed";
    const subscription = client.subscribe({ room, user: "Alice" });
    const { timestamp, ...welcome } = await subscription.next();
    assert.deepEqual(welcome, {
      id: "system",
      user: "System",
      content: `Welcome to room ${room}, Alice!`,
      room,
      type: "SYSTEM",
    });
    assertNow(timestamp);
    const message = { user: "Bob", content: "é ✓", room };
    const { message_id: id, timestamp: sentAt } = await client.send(message);
    assert.deepEqual(await subscription.next(), {
      ...message,
      id,
      timestamp: sentAt,
      type: "CHAT",
    });
  });

  test("UploadMessages", async (t) => {
    const client = createOriginalClient(t, server().url);
    const room = "uploaded";
    const subscription = client.subscribe({ room, user: "Alice" });
    await subscription.next();
    const messages = ["First", "Second", "Third", "Fourth", "Fifth"].map((word, index) => ({
      id: `batch_${index}`,
      user: "Bob",
      content: `${word} batch message`,
      room,
      timestamp: { seconds: String(1_700_000_000 + index), nanos: 5 },
      type: "CHAT",
    }));
    assert.deepEqual(await client.upload(messages), { message_count: 5, success: true });
    for (const message of messages) {
      const { id, ...received } = await subscription.next();
      assert.match(id, /^msg_\d+$/);
      assert.deepEqual({ ...received, id: message.id }, message);
    }
  });

  test("Chat", async (t) => {
    const client = createOriginalClient(t, server().url);
    const room = "chat";
    const subscription = client.subscribe({ room, user: "Alice" });
    await subscription.next();
    const { call, responses } = client.chat();
    for (const count of [1, 2]) {
      const content = `Bidirectional message #${count}`;
      call.write({ id: `client_${count}`, user: "Charlie", content, room, type: "CHAT" });
      const { timestamp, ...echo } = await responses.next();
      assert.deepEqual(echo, {
        id: `echo_client_${count}`,
        user: "Server",
        content: `Echo: ${content}`,
        room,
        type: "SYSTEM",
      });
      assertNow(timestamp);
      const received = await subscription.next();
      assert.deepEqual([received.user, received.content], ["Charlie", content]);
    }
    const seconds: number[] = [];
    for (let count = 0; count < 2; count++) {
      const alive = await responses.next();
      assert.equal(alive.user, "Server");
      assert.equal(alive.content, "Server is alive!");
      assert.equal(alive.type, "SYSTEM");
      const second = Number(/^server_(\d+)$/.exec(alive.id)?.[1]);
      assert.ok(Math.abs(second - Number(alive.timestamp.seconds)) <= 1);
      seconds.push(second);
    }
    const [first = 0, second = 0] = seconds;
    assert.ok(second - first >= 4 && second - first <= 8, `every 5 seconds: ${seconds}`);
    call.end();
    await responses.end();
  });

  test("StreamMetrics", async (t) => {
    const client = createOriginalClient(t, server().url);
    const request = { instance_id: "server-01", interval_seconds: 2 };
    const metrics = client.metrics(request);
    const expected: [name: string, labels: Record<string, string>, most: number][] = [
      ["cpu_usage", { core: "0" }, 100],
      ["memory_usage", { type: "resident" }, 8_192],
      ["requests_per_second", { endpoint: "/api" }, 1_000],
    ];
    const times: number[] = [];
    for (let sample = 0; sample < 2; sample++) {
      for (const [name, labels, most] of expected) {
        const wanted = JSON.stringify({ instance: hostname(), ...labels });
        let metric: Metric;
        do {
          metric = await metrics.next();
        } while (metric.name !== name || JSON.stringify(metric.labels) !== wanted);
        assert.ok(metric.value >= 0 && metric.value <= most, `${name}: ${metric.value}`);
        assertNow(metric.timestamp);
        times.push(toMs(metric.timestamp));
      }
    }
    const intervalMs = (times.at(-1) as number) - (times[0] as number);
    assert.ok(intervalMs >= 1_900 && intervalMs < 5_000, `every 2 seconds: ${intervalMs} ms`);
  });
});

/** Where the original Go client connects to. */
const originalPort = 50051;

const goOptions = originalFolder
  ? needsTools("go")
  : { skip: "the original Go client is not here (PARLEY_ORIGINAL_DIR)" };

test("the original Go client on the newest grpc-go", goOptions, async (t) => {
  if (await isInUse(originalPort)) {
    assert.ok(!process.env.CI, `CI must not skip this test: port ${originalPort} is in use`);
    t.skip(`port ${originalPort} is in use`);
    return;
  }
  const program = await buildOriginalGoClient(originalFolder as string, temporaryFolder(t));
  const flags = ["--port", String(originalPort), "--data", temporaryFolder(t)];
  const server = await startServerProcess(flags);
  t.after(() => server.stop());
  const output = await outputUntil(t, program, [
    /Unary response: ID=msg_\d+, Time=\d{4}-/,
    /Subscribed to room 'general'/,
    /\[general\] System: Welcome to room general, Alice!/,
    /Sent batch message 5/,
    /\[general\] Bob: Fifth batch message/,
    /Upload complete: 5 messages processed, success=true/,
    /Receiving metrics stream\.\.\./,
    /Metric: cpu_usage = \d+\.\d\d \(labels: map\[core:0 instance:[^ \]]+\]\)/,
    /Metric: memory_usage = \d+\.\d\d \(labels: map\[instance:[^ \]]+ type:resident\]\)/,
    /Metric: requests_per_second = \d+\.\d\d \(labels: map\[endpoint:\/api instance:[^ \]]+\]\)/,
    /Sent bidirectional message #2/,
    /\[Bidirectional\] Server: Echo: Bidirectional message #2/,
    /\[Bidirectional\] Server: Server is alive!/,
    /\[general\] Charlie: Bidirectional message #2/,
  ]);
  assert.doesNotMatch(output, /error|closed/i);
  // Its subscription races with its upload's first message.
  assert.deepEqual(received(output, /\[general\] (.*)/g, "Bob: First batch message"), [
    "System: Welcome to room general, Alice!",
    "Bob: Second batch message",
    "Bob: Third batch message",
    "Bob: Fourth batch message",
    "Bob: Fifth batch message",
    "Charlie: Bidirectional message #1",
    "Charlie: Bidirectional message #2",
  ]);
});

function received(output: string, pattern: RegExp, optional: string): string[] {
  const all = Array.from(output.matchAll(pattern), ([, text = ""]) => text);
  return all.filter((text) => text !== optional);
}

function toMs({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1_000 + nanos / 1e6;
}

function assertNow(timestamp: Timestamp): void {
  const distanceMs = Math.abs(toMs(timestamp) - Date.now());
  assert.ok(distanceMs < 60_000, `${distanceMs} ms from now`);
}

async function isInUse(port: number): Promise<boolean> {
  const probe = createServer();
  probe.listen(port, "127.0.0.1");
  try {
    await once(probe, "listening");
    return false;
  } catch {
    return true;
  } finally {
    probe.close();
  }
}

/** Runs a program until it has printed all of these, then ends it and returns what it printed. */
async function outputUntil(t: TestContext, program: string, wanted: readonly RegExp[]) {
  const child = spawn(program, { stdio: ["ignore", "ignore", "pipe"] });
  const exited = once(child, "exit");
  const timer = setTimeout(() => child.kill(), 60_000);
  t.after(async () => {
    clearTimeout(timer);
    child.kill();
    await exited;
  });
  let output = "";
  let missing = wanted;
  for await (const line of createInterface(child.stderr)) {
    output += `${line}\n`;
    missing = missing.filter((pattern) => !pattern.test(line));
    if (missing.length === 0) {
      return output;
    }
  }
  assert.fail(`${missing.join(", ")} missing in:\n${output}`);
}
