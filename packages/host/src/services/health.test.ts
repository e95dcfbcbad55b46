import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Health as HealthService } from "../gen/health/v1/health_pb.ts";
import { EchoService } from "../gen/testing/v1/echo_pb.ts";
import { startEchoServer } from "../testing/echo-server.ts";
import { createTransport } from "../testing/transports.ts";
import { createHealth, type HealthOptions } from "./health.ts";

const [serving, notServing, unknownService] = [1, 2, 3];

suite("Check", () => {
  test("answers with the state of the server, and of each service", async (t) => {
    const { health, client } = await startHealthServer(t, { services: [EchoService, "other"] });
    assert.equal((await client.check({})).status, serving);
    assert.equal((await client.check({ service: "testing.v1.EchoService" })).status, serving);
    health.setStatus(EchoService, "NOT_SERVING");
    assert.equal((await client.check({ service: "testing.v1.EchoService" })).status, notServing);
    assert.equal((await client.check({ service: "other" })).status, serving);
    assert.equal(health.status("other"), "SERVING");
  });

  test("answers with NOT_FOUND for an unknown service", async (t) => {
    const { client, health } = await startHealthServer(t);
    await assert.rejects(client.check({ service: "nobody" }), { code: Code.NotFound });
    assert.equal(health.status("nobody"), undefined);
  });
});

suite("Watch", () => {
  test("sends the state and each change", async (t) => {
    const { health, watch } = await startHealthServer(t, { services: ["a"] });
    const next = watch("a");
    assert.equal(await next(), serving);
    health.setStatus("a", "NOT_SERVING");
    assert.equal(await next(), notServing);
    // What is no change is not sent.
    health.setStatus("a", "NOT_SERVING");
    health.setStatus("b", "SERVING");
    health.setStatus("a", "SERVING");
    assert.equal(await next(), serving);
  });

  test("stays open for an unknown service", async (t) => {
    const { health, watch } = await startHealthServer(t);
    const next = watch("later");
    assert.equal(await next(), unknownService);
    health.setStatus("later", "SERVING");
    assert.equal(await next(), serving);
  });

  test("leaves out what a slow watcher has missed", async (t) => {
    const { health, watch } = await startHealthServer(t, { services: ["a"] });
    const next = watch("a");
    assert.equal(await next(), serving);
    // In one turn, so that no watcher runs between them.
    for (let count = 0; count < 1000; count++) {
      health.setStatus("a", "NOT_SERVING");
      health.setStatus("a", "SERVING");
    }
    health.setStatus("a", "NOT_SERVING");
    assert.equal(await next(), notServing);
    health.setStatus("a", "SERVING");
    assert.equal(await next(), serving);
  });
});

suite("List", () => {
  test("tells all states", async (t) => {
    const { client } = await startHealthServer(t, { services: ["a"] });
    const { statuses } = await client.list({});
    assert.deepEqual(
      Object.entries(statuses).map(([service, { status }]) => [service, status]),
      [
        ["", serving],
        ["a", serving],
      ],
    );
  });

  test("is refused when they are too many", async (t) => {
    const services = Array.from({ length: 100 }, (_, index) => `service-${index}`);
    const { client } = await startHealthServer(t, { services });
    await assert.rejects(client.list({}), { code: Code.ResourceExhausted });
  });
});

test("drain() is final and tells watchers", async (t) => {
  const { health, client, watch } = await startHealthServer(t, { services: ["a"] });
  const next = watch("a");
  assert.equal(await next(), serving);
  health.drain();
  assert.equal(await next(), notServing);
  health.setStatus("", "SERVING");
  health.setStatus("new", "SERVING");
  assert.equal((await client.check({})).status, notServing);
  await assert.rejects(client.check({ service: "new" }), { code: Code.NotFound });
});

test("close() ends watches after their last state", async (t) => {
  const { health, watch } = await startHealthServer(t, { services: ["a"] });
  const next = watch("a");
  assert.equal(await next(), serving);
  health.close();
  assert.equal(await next(), notServing);
  await assert.rejects(next(), { code: Code.Unavailable });
  const late = watch("a");
  assert.equal(await late(), notServing);
  await assert.rejects(late(), (error) => ConnectError.from(error).code === Code.Unavailable);
});

async function startHealthServer(t: TestContext, options: HealthOptions = {}) {
  const health = createHealth(options);
  const { url } = await startEchoServer(t, { health: false, routes: health.routes });
  const transport = createTransport({ baseUrl: url, protocol: "grpc", httpVersion: "2" });
  const client = createClient(HealthService, transport);

  /** Returns a function that waits for the next state. */
  function watch(service: string): () => Promise<number | undefined> {
    const controller = new AbortController();
    t.after(() => controller.abort());
    const states = client.watch({ service }, { signal: controller.signal });
    const iterator = states[Symbol.asyncIterator]();
    return async () => (await iterator.next()).value?.status;
  }

  return { health, client, watch };
}
