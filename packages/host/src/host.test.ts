import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { RetryInfoSchema } from "./gen/google/rpc/error_details_pb.ts";
import { ServerReflection } from "./gen/grpc/reflection/v1/reflection_pb.ts";
import { Health } from "./gen/health/v1/health_pb.ts";
import { EchoService } from "./gen/testing/v1/echo_pb.ts";
import { createHost, type HostOptions } from "./host.ts";
import { type EchoServerOptions, startEchoServer } from "./testing/echo-server.ts";
import { logLines } from "./testing/log-lines.ts";
import { refusalOf } from "./testing/raw-tunnel.ts";

interface Part {
  /** What switches it off. */
  readonly off: Partial<HostOptions>;
  /** Whether the server has the part. */
  isOn(server: Awaited<ReturnType<typeof startEchoServer>>, t: TestContext): Promise<boolean>;
}

const origin = "http://localhost:5173";
const unary = "/testing.v1.EchoService/Unary";

function isImplemented(called: Promise<unknown>): Promise<boolean> {
  return called.then(
    () => true,
    (error) => {
      assert.equal(error.code, Code.Unimplemented);
      return false;
    },
  );
}

const lines: Record<string, unknown>[] = [];

const parts: Record<string, Part> = {
  health: {
    off: { health: false },
    isOn: ({ url }) =>
      isImplemented(createClient(Health, createGrpcTransport({ baseUrl: url })).check({})),
  },
  reflection: {
    off: { reflection: false },
    isOn: ({ url }) => isImplemented(describe(url, { case: "listServices", value: "" })),
  },
  metrics: {
    off: { metrics: false },
    isOn: async ({ url }) => (await fetch(`${url}/metrics`)).status === 200,
  },
  tunnel: {
    off: { tunnel: false },
    isOn: async ({ url }, t) => {
      // A tunnel refuses the subprotocol; without one the request is any other.
      const { reason } = await refusalOf(t, url, { protocols: ["chat"] });
      return reason.includes("subprotocol");
    },
  },
  cors: {
    off: { cors: false },
    isOn: async ({ url }) => {
      const answer = await fetch(`${url}/`, { headers: { origin } });
      return answer.headers.get("access-control-allow-origin") === origin;
    },
  },
  leanPath: {
    off: { leanPath: false },
    isOn: async ({ url, leanPath }) => {
      await createClient(EchoService, createGrpcTransport({ baseUrl: url })).unary({});
      return (leanPath?.callCount ?? 0) > 0;
    },
  },
  callLog: {
    off: { callLog: false },
    isOn: async ({ url }) => {
      lines.length = 0;
      await createClient(EchoService, createGrpcTransport({ baseUrl: url })).unary({});
      return lines.some(({ msg }) => msg === "call");
    },
  },
  grpcWebText: {
    off: { grpcWebText: false },
    isOn: async ({ url }) => {
      const contentType = "application/grpc-web-text";
      const answer = await fetch(`${url}${unary}`, {
        method: "POST",
        headers: { "content-type": contentType },
        body: "AAAAAAA=",
      });
      return answer.status === 200 && answer.headers.get("content-type") === contentType;
    },
  },
  unimplemented: {
    off: { unimplemented: false },
    isOn: async ({ url }) => {
      const headers = { "content-type": "application/json" };
      const init = { method: "POST", headers, body: "{}" };
      const answer = await fetch(`${url}/testing.v1.EchoService/None`, init);
      return ((await answer.json()) as { code?: string }).code === "unimplemented";
    },
  },
};

suite("each part can be switched off by itself", () => {
  for (const [name, { off }] of Object.entries(parts)) {
    test(name, async (t) => {
      const logger = { level: "info", stream: logLines(lines) };
      const server = await startEchoServer(t, { ...off, logger } as EchoServerOptions);
      for (const [other, { isOn }] of Object.entries(parts)) {
        assert.equal(await isOn(server, t), other !== name, other);
      }
      await server.close();
    });
  }
});

type Question = { readonly case: "listServices" | "fileByFilename"; readonly value: string };

async function describe(url: string, messageRequest: Question) {
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: url }));
  async function* questions() {
    yield { messageRequest };
  }
  for await (const { messageResponse } of client.serverReflectionInfo(questions())) {
    return messageResponse;
  }
  return assert.fail("reflection has not answered");
}

async function filesOf(url: string, value: string) {
  const answer = await describe(url, { case: "fileByFilename", value });
  return answer.case === "fileDescriptorResponse"
    ? answer.value.fileDescriptorProto.map((file) => fromBinary(FileDescriptorProtoSchema, file))
    : [];
}

const detailsFile = "google/rpc/error_details.proto";

test("reflection describes what a drain sends", async (t) => {
  const { url } = await startEchoServer(t);
  const files = await filesOf(url, detailsFile);
  assert.deepEqual(
    files.map(({ name }) => name),
    [detailsFile, "google/protobuf/duration.proto"],
  );
  const set = create(FileDescriptorSetSchema, { file: files.reverse() });
  assert.ok(createFileRegistry(set).getMessage(RetryInfoSchema.typeName));
});

test("reflection describes the services' own file of that name, if they have one", async (t) => {
  const file = [{ name: detailsFile, syntax: "proto3", messageType: [{ name: "OfTheApp" }] }];
  const own = createFileRegistry(create(FileDescriptorSetSchema, { file })).getFile(detailsFile);
  assert.ok(own);
  const { url } = await startEchoServer(t, { reflection: { files: [own] } });
  const [described] = await filesOf(url, detailsFile);
  assert.deepEqual(
    described?.messageType.map(({ name }) => name),
    ["OfTheApp"],
  );
});

test("reflection and health know every service of the routes, by each of their names", async (t) => {
  const { url, health } = await startEchoServer(t, {
    service: false,
    routes: (router) => router.rpc(EchoService.method.unary, () => ({})),
    aliases: { "old.Echo": EchoService.typeName },
  });
  const answer = await describe(url, { case: "listServices", value: "" });
  assert.ok(answer.case === "listServicesResponse");
  assert.ok(answer.value.service.some(({ name }) => name === EchoService.typeName));
  assert.equal(health?.status(EchoService), "SERVING");
  assert.equal(health?.status("old.Echo"), "SERVING");
});

test("a host that does not listen closes all the same, and again", async () => {
  let closedCount = 0;
  const host = createHost({
    routes: (router) => router.service(EchoService, {}),
    logger: false,
    onClosed: () => {
      closedCount += 1;
    },
  });
  await host.app.ready();
  await Promise.all([host.close(), host.close()]);
  assert.equal(closedCount, 1);
});

test("a port in use rejects, and leaves nothing that would end the process", async (t) => {
  const { port } = await startEchoServer(t);
  const before = process.listenerCount("SIGTERM");
  const host = createHost({ routes: (router) => router.service(EchoService, {}), logger: false });
  await assert.rejects(host.listen({ host: "127.0.0.1", port }), { code: "EADDRINUSE" });
  assert.equal(process.listenerCount("SIGTERM"), before);
  await host.close();
});
