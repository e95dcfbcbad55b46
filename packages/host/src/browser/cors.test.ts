import assert from "node:assert/strict";
import { text } from "node:stream/consumers";
import { suite, type TestContext, test } from "node:test";
import { startEchoServer } from "../testing/echo-server.ts";
import { frame } from "../testing/grpc-web-frames.ts";
import { startRawCall } from "../testing/raw-call.ts";
import { httpVersions } from "../testing/transports.ts";
import { type CorsOptions, createCors } from "./cors.ts";

const origin = "https://app.example.com";
const unary = "/testing.v1.EchoService/Unary";

/** A call of each protocol that browsers speak. */
const calls = {
  Connect: { contentType: "application/json", body: '{"text":"hello"}' },
  "Connect, streaming": {
    contentType: "application/connect+json",
    body: frame(Buffer.from('{"text":"hello","repeat":1}')),
    path: "/testing.v1.EchoService/ServerStream",
  },
  "gRPC-Web": {
    contentType: "application/grpc-web+json",
    body: frame(Buffer.from('{"text":"hello"}')),
  },
  "grpc-web-text": {
    contentType: "application/grpc-web-text+json",
    body: frame(Buffer.from('{"text":"hello"}')).toString("base64"),
  },
};

for (const httpVersion of httpVersions) {
  suite(`over HTTP/${httpVersion}`, () => {
    async function send(t: TestContext, cors: CorsOptions, request: Request) {
      const { url } = await startServer(t, cors);
      const { method = "POST", path = unary, headers = {}, body } = request;
      const call = startRawCall(t, url, { httpVersion, method, path, headers });
      call.body.end(body);
      const answer = await call.answer;
      return { ...answer, text: await text(answer.body) };
    }

    function preflight(t: TestContext, cors: CorsOptions, path: string, from = origin) {
      const headers = {
        origin: from,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-grpc-web",
      };
      return send(t, cors, { method: "OPTIONS", path, headers });
    }

    for (const path of [unary, "/testing.v1.EchoService/Unknown", "/a.B/C", "/"]) {
      test(`a preflight of ${path} is granted`, async (t) => {
        const { status, headers, text } = await preflight(t, { origins: [origin] }, path);
        assert.equal(status, 204);
        assert.equal(text, "");
        assert.equal(headers["access-control-allow-origin"], origin);
        assert.equal(headers["access-control-allow-methods"], "POST, GET");
        assert.equal(headers["access-control-max-age"], "7200");
        assert.equal(headers["access-control-allow-credentials"], undefined);
        assert.equal(headers.vary, "Origin");
        const allowed = headers["access-control-allow-headers"]?.split(", ") ?? [];
        for (const name of [
          ...["content-type", "connect-protocol-version", "connect-timeout-ms"],
          ...["x-grpc-web", "x-user-agent", "grpc-timeout"],
        ]) {
          assert.ok(allowed.includes(name), name);
        }
      });
    }

    test("a preflight of an origin that may not call is refused", async (t) => {
      const { status, headers } = await preflight(t, {}, unary);
      assert.equal(status, 403);
      assert.equal(headers.vary, "Origin");
      assert.deepEqual(corsHeaders(headers), []);
    });

    test("OPTIONS is a preflight only with the headers of one", async (t) => {
      const { status } = await send(t, {}, { method: "OPTIONS", headers: { origin } });
      assert.notEqual(status, 204);
      assert.notEqual(status, 403);
    });

    for (const [protocol, call] of Object.entries(calls)) {
      test(`the answer to a call of ${protocol} can be read by its page`, async (t) => {
        const { status, headers, text } = await send(
          t,
          { origins: [origin] },
          {
            ...call,
            headers: { origin, "content-type": call.contentType },
          },
        );
        assert.equal(status, 200);
        assert.ok(text.length > 0);
        assert.equal(headers["content-type"], call.contentType);
        assert.equal(headers["access-control-allow-origin"], origin);
        assert.equal(headers.vary, "Origin");
        const exposed = headers["access-control-expose-headers"]?.split(", ") ?? [];
        for (const name of ["grpc-status", "grpc-message", "grpc-status-details-bin"]) {
          assert.ok(exposed.includes(name), name);
        }
      });

      test(`a call of ${protocol} to an unknown method tells its page so`, async (t) => {
        const { headers } = await send(
          t,
          { origins: [origin] },
          {
            ...call,
            path: "/a.B/C",
            headers: { origin, "content-type": call.contentType },
          },
        );
        assert.equal(headers["access-control-allow-origin"], origin);
        assert.match(String(headers["access-control-expose-headers"]), /grpc-status/);
      });
    }

    test("a call of an origin that may not call gets no headers of CORS", async (t) => {
      const { status, headers } = await send(
        t,
        {},
        {
          ...calls.Connect,
          headers: { origin, "content-type": "application/json" },
        },
      );
      assert.equal(status, 200);
      assert.deepEqual(corsHeaders(headers), []);
      assert.equal(headers.vary, "Origin");
    });

    test("a call without an origin gets none either", async (t) => {
      const { headers } = await send(
        t,
        {},
        {
          ...calls.Connect,
          headers: { "content-type": "application/json" },
        },
      );
      assert.deepEqual(corsHeaders(headers), []);
      assert.equal(headers.vary, "Origin");
    });

    test("localhost may call by default", async (t) => {
      const local = "http://localhost:5173";
      const { headers } = await preflight(t, {}, unary, local);
      assert.equal(headers["access-control-allow-origin"], local);
    });

    test("the same origin may always call", async (t) => {
      const cors = { origins: [] };
      const { url } = await startServer(t, cors);
      const headers = { origin: url, "content-type": "application/json" };
      const call = startRawCall(t, url, { httpVersion, path: unary, headers });
      call.body.end("{}");
      const answer = await call.answer;
      assert.equal(answer.headers["access-control-allow-origin"], url);
    });
  });
}

test("extra headers join those of the protocols", () => {
  const extra = ["Custom-Header-1", "content-type"];
  const cors = createCors({ origins: [origin], allowedHeaders: extra, exposedHeaders: extra });
  const headers = { origin, "access-control-request-method": "POST" };
  const allowed = cors.preflight("OPTIONS", headers, true)?.headers["access-control-allow-headers"];
  assert.equal(allowed?.match(/content-type/g)?.length, 1);
  assert.match(String(allowed), /, custom-header-1$/);
  const exposed = cors.responseHeaders(headers, true)["access-control-expose-headers"];
  assert.match(String(exposed), /, custom-header-1, content-type$/);
});

test("the answers to any origin are the same, for caches", () => {
  const cors = createCors({ origins: ["*"], maxAgeSeconds: 60 });
  const headers = { origin, "access-control-request-method": "GET" };
  const answer = cors.preflight("OPTIONS", headers, true);
  assert.equal(answer?.status, 204);
  assert.equal(answer?.headers["access-control-allow-origin"], "*");
  assert.equal(answer?.headers["access-control-max-age"], "60");
  assert.equal(answer?.headers.vary, undefined);
  assert.equal(cors.responseHeaders(headers, true)["access-control-allow-origin"], "*");
});

interface Request {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
}

function startServer(t: TestContext, cors: CorsOptions) {
  return startEchoServer(t, { cors });
}

function corsHeaders(headers: object): string[] {
  return Object.keys(headers).filter((name) => name.startsWith("access-control-"));
}
