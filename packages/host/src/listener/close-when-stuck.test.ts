import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { closeWhenStuck } from "./close-when-stuck.ts";

/** Both ends of a connection whose client reads nothing. */
async function connection(t: TestContext) {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const accepted = once(server, "connection");
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const [socket] = (await accepted) as [Socket];
  t.after(() => [client, socket].map((end) => end.destroy()));
  client.pause();
  socket.resume();
  closeWhenStuck(socket);
  return { client, socket };
}

const lots = Buffer.alloc(64 * 1024 ** 2);

test("a client that has ended its side and takes nothing is closed after a while", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { client, socket } = await connection(t);
  client.end();
  await once(socket, "end");
  socket.write(lots);
  t.mock.timers.tick(15_000);
  assert.ok(!socket.destroyed);
  t.mock.timers.tick(15_000);
  assert.ok(socket.destroyed);
});

test("one to which nothing is written, or that takes what is, is not", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { client, socket } = await connection(t);
  client.end();
  await once(socket, "end");
  t.mock.timers.tick(300_000);
  assert.ok(!socket.destroyed);

  const written = new Promise((resolve) => socket.write(lots, resolve));
  t.mock.timers.tick(15_000);
  client.resume();
  await written;
  t.mock.timers.tick(300_000);
  assert.ok(!socket.destroyed);
});

test("one that has not ended its side may take as long as it likes", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  const { socket } = await connection(t);
  socket.write(lots);
  t.mock.timers.tick(300_000);
  assert.ok(!socket.destroyed);
});
