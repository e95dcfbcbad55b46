import assert from "node:assert/strict";
import { hostname } from "node:os";
import { suite, test } from "node:test";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { needsTools } from "@parley/testing/tools";
import { buildGoClient, type GoClientLine, runGoClient } from "../testing/go-client.ts";
import { createOriginalClient, type Metric, type Timestamp } from "../testing/original-client.ts";
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

test("a Go client of the original contract", needsTools("go"), async (t) => {
  const program = await buildGoClient(temporaryFolder(t));
  const server = await startServerProcess(["--port", "0", "--data", temporaryFolder(t)]);
  t.after(() => server.stop());
  const lines = await runGoClient(program, new URL(server.url).host);
  const receivedOf = (name: string) =>
    lines.filter(({ call }) => call === name).map(({ received }) => received);

  const [sent] = receivedOf("SendMessage");
  assert.match(String(sent?.messageId), /^msg_\d+$/);
  assertRecent(sent);
  assert.deepEqual(receivedOf("UploadMessages"), [{ messageCount: 3, success: true }]);
  const subscribed = receivedOf("SubscribeMessages");
  assert.deepEqual(subscribed.map(textOf), [
    "System: Welcome to room general, Ann!",
    "Ann: a single message",
    "Ben: uploaded 0",
    "Ben: uploaded 1",
    "Ben: uploaded 2",
    "Cleo: said 0",
    "Cleo: said 1",
  ]);
  const answers = receivedOf("Chat");
  assert.deepEqual(answers.map(textOf), [
    "Server: Echo: said 0",
    "Server: Echo: said 1",
    "Server: Server is alive!",
  ]);
  for (const message of [...subscribed, ...answers]) {
    assertRecent(message);
  }
  assert.ok(subscribed.every(({ room }) => room === "general"));
  const metrics = receivedOf("StreamMetrics");
  assert.equal(metrics.length, 10);
  for (const metric of metrics) {
    assertRecent(metric);
    assert.equal(typeof metric.name, "string");
    assert.equal(Object(metric.labels).instance, hostname());
  }
});

function textOf({ user, content }: GoClientLine["received"]): string {
  return `${user}: ${content}`;
}

function assertRecent(received: GoClientLine["received"] | undefined): void {
  const distanceMs = Math.abs(Date.parse(String(received?.timestamp)) - Date.now());
  assert.ok(distanceMs < 180_000, `${received?.timestamp} is not now`);
}

function toMs({ seconds, nanos }: Timestamp): number {
  return Number(seconds) * 1_000 + nanos / 1e6;
}

function assertNow(timestamp: Timestamp): void {
  const distanceMs = Math.abs(toMs(timestamp) - Date.now());
  assert.ok(distanceMs < 60_000, `${distanceMs} ms from now`);
}
