import assert from "node:assert/strict";
import { once } from "node:events";
import { createSecureServer, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { suite, type TestContext, test } from "node:test";
import { createCertificate } from "@parley/testing/certificate";
import { needsTools } from "@parley/testing/tools";
import { startEchoServer } from "../testing/echo-server.ts";
import { runH2spec } from "../testing/h2spec.ts";

const body = "an answer of some length";

/** The answer, when the request has ended: before that, what is wrong behind it would race with it. */
async function answerTo(request: Readable): Promise<string> {
  await finished(request.resume(), { writable: false }).catch(() => {});
  return body;
}

/** What the listener is measured against: Node itself. */
async function startBareServer(t: TestContext, tls?: { key: string; cert: string }) {
  const server = tls ? createSecureServer(tls) : createServer();
  server.on("request", async (request, response) => {
    response.end(await answerTo(request));
  });
  server.on("sessionError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

// What is no HTTP/2 preface is an HTTP/1 request to a port that serves both: here a bad one,
// which gets a 400 and the end instead of a bare end.
const exempt = { http: ["http2/3.5/2"], https: [] as string[] };

// They send a wrong frame behind the end of a request, and wait for an error. When the answer is
// there first it has closed the stream, and h2spec takes its end for the wrong one: with
// node:http2 alone they fail now and then, too. Every other case has one try.
const racing = ["http2/5.1/5", "http2/5.1/6", "http2/5.1/7"];

suite("h2spec: a listener passes every case that node:http2 passes", { concurrency: true }, () => {
  for (const scheme of ["http", "https"] as const) {
    test(scheme, needsTools("h2spec", "openssl"), async (t) => {
      const tls = scheme === "https" ? createCertificate() : undefined;
      const { port } = await startEchoServer(t, {
        tls,
        configure: (app) => app.all("/", (request) => answerTo(request.raw)),
      });
      const run = (targetPort: number, cases?: string[]) =>
        runH2spec(t, { port: targetPort, tls: tls !== undefined, ...(cases ? { cases } : {}) });
      const [bare, hosted] = await Promise.all([run(await startBareServer(t, tls)), run(port)]);
      t.diagnostic(`node:http2 passes ${bare.passed.size} of ${bare.caseCount} cases`);
      t.diagnostic(`the listener passes ${hosted.passed.size} of ${hosted.caseCount} cases`);
      assert.ok(bare.passed.size > 100, "h2spec ran");

      const failed = [...bare.passed].filter(
        (name) => !hosted.passed.has(name) && !exempt[scheme].includes(name),
      );
      for (const name of failed.filter((name) => racing.includes(name))) {
        for (let attempt = 1; attempt <= 3 && failed.includes(name); attempt++) {
          if ((await run(port, [name])).passed.size === 1) {
            failed.splice(failed.indexOf(name), 1);
          }
        }
      }
      assert.deepEqual(failed, []);
    });
  }
});
