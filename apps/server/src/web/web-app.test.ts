import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { brotliCompressSync } from "node:zlib";
import { createCertificate } from "@parley/testing/certificate";
import { type ServerProcess, startServerProcess } from "@parley/testing/server-process";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import { needsTools } from "@parley/testing/tools";

const index = "<!doctype html><title>Parley</title>";
const script = "console.log('parley');".repeat(100);

async function start(t: TestContext, ...flags: string[]): Promise<ServerProcess> {
  const server = await startServerProcess(["--data", temporaryFolder(t), "--port", "0", ...flags]);
  t.after(() => server.stop("SIGKILL"));
  return server;
}

function build(t: TestContext): string {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, "assets"));
  writeFileSync(join(folder, "index.html"), index);
  writeFileSync(join(folder, "assets", "index-abc.js"), script);
  writeFileSync(join(folder, "assets", "index-abc.js.br"), brotliCompressSync(script));
  return folder;
}

test("the page is revalidated, what it loads is kept for ever", async (t) => {
  const { url } = await start(t, "--web", build(t));
  const page = await fetch(url);
  assert.equal(await page.text(), index);
  assert.match(page.headers.get("content-type") ?? "", /^text\/html; charset=utf-8/);
  assert.equal(page.headers.get("cache-control"), "no-cache");
  // Node's fetch would ask for a fresh one.
  const etag = page.headers.get("etag") ?? "";
  const again = await getOverHttp2(t, url, { "if-none-match": etag });
  assert.equal(again.headers[":status"], 304);

  const asset = await fetch(`${url}/assets/index-abc.js`, { headers: { "accept-encoding": "br" } });
  assert.equal(await asset.text(), script);
  assert.equal(asset.headers.get("content-encoding"), "br");
  assert.equal(asset.headers.get("cache-control"), "public, max-age=31536000, immutable");
  const plain = await fetch(`${url}/assets/index-abc.js`, {
    headers: { "accept-encoding": "identity" },
  });
  assert.equal(await plain.text(), script);
  assert.equal(plain.headers.get("content-encoding"), null);
});

test("pages are protected; calls and other paths are as without it", async (t) => {
  const { url } = await start(t, "--web", build(t));
  const page = await fetch(url);
  const policy = page.headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'self'/);
  assert.doesNotMatch(policy, /unsafe|upgrade-insecure-requests/);
  assert.equal(page.headers.get("x-content-type-options"), "nosniff");
  assert.equal(page.headers.get("strict-transport-security"), null);

  const call = await fetch(`${url}/chat.v1.ChatService/ListRooms`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  assert.equal(call.status, 200);
  assert.equal(call.headers.get("content-security-policy"), null);
  assert.equal((await fetch(`${url}/metrics`)).status, 200);
  for (const path of ["/nowhere", "/assets/nowhere.js", "/assets/..%2f..%2fpackage.json"]) {
    const missing = await fetch(url + path);
    assert.equal(missing.status, 404, path);
    assert.equal(((await missing.json()) as { code: string }).code, "not_found");
  }
});

test("over HTTP/2, in cleartext and with TLS", needsTools("openssl"), async (t) => {
  const web = build(t);
  const cleartext = await start(t, "--web", web);
  const plain = await getOverHttp2(t, cleartext.url);
  assert.equal(plain.body, index);
  assert.equal(plain.headers["strict-transport-security"], undefined);

  const { key, cert } = createCertificate();
  const folder = temporaryFolder(t);
  const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  writeFileSync(keyFile, key);
  writeFileSync(certFile, cert);
  const tls = await start(t, "--web", web, "--tls-key", keyFile, "--tls-cert", certFile);
  const encrypted = await getOverHttp2(t, tls.url, {}, cert);
  assert.equal(encrypted.body, index);
  assert.equal(encrypted.headers["strict-transport-security"], "max-age=15552000");
});

test("where nothing was built, the page and the log say so", async (t) => {
  const server = await start(t, "--web", temporaryFolder(t));
  const response = await fetch(server.url);
  assert.equal(response.status, 503);
  assert.match(await response.text(), /npm run build/);
  assert.match(server.output(), /"level":40,.*the web app is not built/);
});

test("--no-web serves none", async (t) => {
  const server = await start(t, "--no-web");
  assert.equal((await fetch(server.url)).status, 404);
  assert.doesNotMatch(server.output(), /web app/);
});

async function getOverHttp2(
  t: TestContext,
  url: string,
  requestHeaders: OutgoingHttpHeaders = {},
  ca?: string,
): Promise<{ headers: IncomingHttpHeaders; body: string }> {
  const session = connect(url, ca === undefined ? {} : { ca });
  t.after(() => session.destroy());
  const stream = session.request({ ":path": "/", ...requestHeaders });
  const [headers] = (await once(stream, "response")) as [IncomingHttpHeaders];
  return { headers, body: await text(stream) };
}
