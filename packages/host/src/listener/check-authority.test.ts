import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { startEchoServer } from "../testing/echo-server.ts";
import { connectRaw } from "../testing/raw-http2.ts";

const path = "/testing.v1.EchoService/Unary";
const headers = "Connection: close\r\nContent-Type: application/json\r\nContent-Length: 14";
const body = '{"text":"hey"}';

test("an HTTP/1 request for an authority that cannot be gets a 400", async (t) => {
  const { port } = await startEchoServer(t);
  for (const host of ["[", "a b", "a:b:c", "a:99999"]) {
    const client = await connectRaw(port);
    client.write(`POST ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}\r\n\r\n${body}`);
    assert.match(await text(client), /^HTTP\/1\.1 400 /, host);
  }
});

test("an HTTP/1 request for no authority is answered as any other", async (t) => {
  const { port } = await startEchoServer(t);
  for (const start of ["1.0\r\n", "1.1\r\nHost:\r\n"]) {
    const client = await connectRaw(port);
    client.write(`POST ${path} HTTP/${start}${headers}\r\n\r\n${body}`);
    assert.match(await text(client), /^HTTP\/1\.1 200 .*\{"text":"hey"\}$/s);
  }
});

test("an HTTP/2 request for an authority that cannot be gets a 400", async (t) => {
  const { url } = await startEchoServer(t);
  const session = connectHttp2(url);
  t.after(() => session.destroy());
  for (const [authority, status] of Object.entries({ localhost: 200, "a:b": 400 })) {
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      ":authority": authority,
      "content-type": "application/json",
    });
    stream.end(body);
    const [answer] = await once(stream, "response");
    assert.equal(answer[":status"], status, `authority "${authority}"`);
    stream.resume();
    await once(stream, "close");
  }
});
