import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { suite, type TestContext, test } from "node:test";
import { Code, createClient } from "@connectrpc/connect";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { ServerReflection as UnknownBidiService } from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { Health as UnknownService } from "../gen/health/v1/health_pb.ts";
import { startEchoServer } from "../testing/echo-server.ts";
import { createTransport, httpVersions, protocols } from "../testing/transports.ts";

suite("a call to an unknown service is UNIMPLEMENTED", () => {
  for (const httpVersion of httpVersions) {
    for (const protocol of protocols) {
      test(`${protocol} over HTTP/${httpVersion}`, async (t) => {
        const { url } = await startServer(t);
        const transport = createTransport({ baseUrl: url, protocol, httpVersion });
        const client = createClient(UnknownService, transport);
        const message = "/grpc.health.v1.Health/Check is not implemented";
        await assert.rejects(client.check({}), { code: Code.Unimplemented, rawMessage: message });
        const watch = client.watch({})[Symbol.asyncIterator]();
        await assert.rejects(watch.next(), {
          code: Code.Unimplemented,
          rawMessage: /Watch is not/,
        });
        if (httpVersion === "2") {
          const bidi = createClient(UnknownBidiService, transport);
          const answers = bidi.serverReflectionInfo(endless())[Symbol.asyncIterator]();
          await assert.rejects(answers.next(), { code: Code.Unimplemented });
        }
      });
    }
  }

  test("Connect by GET", async (t) => {
    const { url } = await startServer(t);
    const response = await fetch(`${url}/a.B/C?connect=v1&encoding=json&message=%7B%7D`);
    assert.equal(response.status, 404);
    assert.deepEqual(await response.json(), {
      code: "unimplemented",
      message: "/a.B/C is not implemented",
    });
  });

  test("grpc-js", async (t) => {
    const { port } = await startServer(t);
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    t.after(() => client.close());
    const error = await new Promise<ServiceError | null>((resolve) => {
      const asIs = (bytes: Buffer) => bytes;
      client.makeUnaryRequest("/a.B/%25", asIs, asIs, Buffer.alloc(0), resolve);
    });
    assert.equal(error?.code, status.UNIMPLEMENTED);
    assert.equal(error?.details, "/a.B/%25 is not implemented");
  });
});

suite("on the wire", () => {
  const cases = [
    { contentType: "application/grpc", status: 200, answerType: "application/grpc" },
    { contentType: "application/grpc+json", status: 200, answerType: "application/grpc+json" },
    {
      contentType: "application/grpc-web-text",
      status: 200,
      answerType: "application/grpc-web-text",
    },
    {
      contentType: "application/connect+json; charset=utf-8",
      status: 200,
      answerType: "application/connect+json",
    },
    { contentType: "application/proto", status: 404, answerType: "application/json" },
  ];
  for (const { contentType, status, answerType } of cases) {
    test(contentType, async (t) => {
      const { url } = await startServer(t);
      const session = connectHttp2(url);
      t.after(() => session.destroy());
      const stream = session.request({
        ":method": "POST",
        ":path": "/a.B/C?token=secret",
        "content-type": contentType,
      });
      stream.end();
      const [headers, flags] = await once(stream, "response");
      assert.equal(headers[":status"], status);
      // Fastify adds the charset to JSON.
      assert.equal(headers["content-type"].split(";")[0], answerType);
      const isGrpc = contentType.startsWith("application/grpc");
      assert.equal(headers["grpc-status"], isGrpc ? "12" : undefined);
      // A gRPC client takes status in the headers only from a response that they end.
      assert.equal((flags & 1) === 1, isGrpc);
      assert.doesNotMatch(JSON.stringify(headers), /secret/);
      stream.resume();
      await once(stream, "close");
    });
  }
});

test("anything else is a plain 404", async (t) => {
  const { url } = await startServer(t);
  const response = await fetch(`${url}/favicon.ico?size=1`);
  assert.equal(response.status, 404);
  assert.deepEqual(await response.json(), {
    code: "not_found",
    message: "/favicon.ico was not found",
  });
});

function startServer(t: TestContext) {
  return startEchoServer(t, { health: false, reflection: false });
}

async function* endless() {
  for (;;) {
    yield {};
    await new Promise(setImmediate);
  }
}
