import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { ChatService } from "@parley/proto/chat/v1";
import { startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";

test("/metrics tells Prometheus of calls, connections, subscriptions and the process", async (t) => {
  const server = await startServerProcess(["--data", temporaryFolder(t), "--port", "0"]);
  t.after(() => server.stop("SIGKILL"));
  const client = createClient(ChatService, createGrpcTransport({ baseUrl: server.url }));
  const ended = new AbortController();
  const messages = client
    .subscribeMessages({ room: "a", user: "Ann" }, { signal: ended.signal })
    [Symbol.asyncIterator]();
  await messages.next();
  await client.sendMessage({ room: "a", user: "Ann", content: "hello" });
  await messages.next();

  const response = await fetch(`${server.url}/metrics`);
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  const value = (name: string) => {
    const line = text.split("\n").find((candidate) => candidate.startsWith(`${name} `));
    assert.ok(line, `${name} is missing in:\n${text}`);
    return Number(line.slice(name.length + 1));
  };
  const send = 'grpc_type="unary",grpc_service="chat.v1.ChatService",grpc_method="SendMessage"';
  assert.equal(value(`grpc_server_handled_total{${send},grpc_code="OK"}`), 1);
  assert.equal(value("parley_deliveries_total"), 1);
  assert.equal(value("parley_open_subscriptions"), 1);
  assert.equal(value("parley_open_http2_sessions"), 1);
  assert.ok(value("parley_open_connections") >= 2);
  assert.ok(value("process_resident_memory_bytes") > 0);
  assert.match(server.output(), /"method":"chat\.v1\.ChatService\/SendMessage",.*"code":"OK"/);
  ended.abort();
});
