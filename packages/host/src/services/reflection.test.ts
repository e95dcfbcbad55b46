import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { suite, type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { fromBinary, type MessageInitShape } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { needsTools } from "@parley/testing/tools";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
} from "../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionV1Alpha } from "../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { file_testing_v1_extensible } from "../gen/testing/v1/extensible_pb.ts";
import { startEchoServer } from "../testing/echo-server.ts";
import { createTransport } from "../testing/transports.ts";

const run = promisify(execFile);
const echoFile = "testing/v1/echo.proto";
const extensibleFile = "testing/v1/extensible.proto";
const timestampFile = "google/protobuf/timestamp.proto";

type Request = MessageInitShape<typeof ServerReflectionRequestSchema>;
type Question = NonNullable<Request["messageRequest"]>;

for (const service of [ServerReflection, ServerReflectionV1Alpha]) {
  suite(service.typeName, () => {
    test("lists the given services and its own", async (t) => {
      const [answer] = await ask(t, service, { case: "listServices", value: "*" });
      assert.equal(answer?.case, "listServicesResponse");
      assert.deepEqual(
        answer.value.service.map(({ name }) => name),
        [
          "grpc.health.v1.Health",
          "grpc.reflection.v1.ServerReflection",
          "grpc.reflection.v1alpha.ServerReflection",
          "testing.v1.EchoService",
        ],
      );
    });

    test("sends a file first, then what it imports", async (t) => {
      const [answer] = await ask(t, service, { case: "fileByFilename", value: echoFile });
      assert.deepEqual(fileNames(answer), [echoFile, timestampFile, extensibleFile]);
    });

    test("sends an import once per stream, and what is asked for always", async (t) => {
      const [first, second, third] = await ask(
        t,
        service,
        { case: "fileByFilename", value: timestampFile },
        { case: "fileByFilename", value: echoFile },
        { case: "fileByFilename", value: extensibleFile },
      );
      assert.deepEqual(fileNames(first), [timestampFile]);
      assert.deepEqual(fileNames(second), [echoFile, extensibleFile]);
      assert.deepEqual(fileNames(third), [extensibleFile]);
    });

    test("finds symbols of every kind", async (t) => {
      const symbols: [symbol: string, file: string][] = [
        ["testing.v1.EchoService", echoFile],
        ["testing.v1.EchoService.BidiStream", echoFile],
        ["testing.v1.EchoRequest", echoFile],
        ["testing.v1.EchoRequest.repeat", echoFile],
        ["google.protobuf.Timestamp", timestampFile],
        ["testing.v1.Extensible.Nested", extensibleFile],
        ["testing.v1.Extensible.Nested.name", extensibleFile],
        ["testing.v1.Extensible.Kind", extensibleFile],
        ["testing.v1.Extensible.KIND_PLAIN", extensibleFile],
        ["testing.v1.Extensible.choice", extensibleFile],
        ["testing.v1.Colour", extensibleFile],
        ["testing.v1.COLOUR_RED", extensibleFile],
        ["testing.v1.note", extensibleFile],
        ["testing.v1.Holder.count", extensibleFile],
        ["grpc.health.v1.Health.Check", "health/v1/health.proto"],
      ];
      for (const [value, file] of symbols) {
        const [answer] = await ask(t, service, { case: "fileContainingSymbol", value });
        assert.equal(fileNames(answer)[0], file, value);
      }
    });

    test("finds extensions", async (t) => {
      const containingType = "testing.v1.Extensible";
      const [numbers, none, file] = await ask(
        t,
        service,
        { case: "allExtensionNumbersOfType", value: containingType },
        { case: "allExtensionNumbersOfType", value: "testing.v1.Holder" },
        { case: "fileContainingExtension", value: { containingType, extensionNumber: 100 } },
      );
      assert.equal(numbers?.case, "allExtensionNumbersResponse");
      assert.equal(numbers.value.baseTypeName, containingType);
      assert.deepEqual(numbers.value.extensionNumber, [100, 101]);
      assert.equal(none?.case, "allExtensionNumbersResponse");
      assert.deepEqual(none.value.extensionNumber, []);
      assert.deepEqual(fileNames(file), [extensibleFile]);
    });

    test("answers NOT_FOUND for what it does not know, and goes on", async (t) => {
      const unknown: Question[] = [
        { case: "fileByFilename", value: "none.proto" },
        { case: "fileContainingSymbol", value: "testing.v1" },
        { case: "fileContainingSymbol", value: "testing.v1.Extensible.Kind.KIND_PLAIN" },
        {
          case: "fileContainingExtension",
          value: { containingType: "testing.v1.Extensible", extensionNumber: 199 },
        },
        { case: "allExtensionNumbersOfType", value: "testing.v1.None" },
      ];
      const answers = await ask(t, service, ...unknown);
      assert.equal(answers.length, unknown.length);
      for (const answer of answers) {
        assert.equal(answer?.case, "errorResponse");
        assert.equal(answer.value.errorCode, Code.NotFound);
        assert.match(answer.value.errorMessage, / not found$/);
      }
    });

    test("refuses a request that asks nothing", async (t) => {
      const client = await startClient(t, service);
      const answers = client.serverReflectionInfo(requests({ host: "a" }));
      await assert.rejects(answers[Symbol.asyncIterator]().next(), { code: Code.InvalidArgument });
    });

    test("repeats the request and its host", async (t) => {
      const client = await startClient(t, service);
      const messageRequest = { case: "fileByFilename", value: "none" } as const;
      const answers = client.serverReflectionInfo(requests({ host: "a", messageRequest }));
      const { value: answer } = await answers[Symbol.asyncIterator]().next();
      assert.equal(answer?.validHost, "a");
      assert.equal(answer?.originalRequest?.host, "a");
      assert.deepEqual(answer?.originalRequest?.messageRequest, messageRequest);
    });
  });
}

test("describes more files when they are given", async (t) => {
  const { url } = await startEchoServer(t, {
    reflection: { files: [file_testing_v1_extensible] },
  });
  const transport = createTransport({ baseUrl: url, protocol: "grpc", httpVersion: "2" });
  const client = createClient(ServerReflection, transport);
  const messageRequest = { case: "fileContainingSymbol", value: "testing.v1.note" } as const;
  const answers = client.serverReflectionInfo(requests({ messageRequest }));
  const { value: answer } = await answers[Symbol.asyncIterator]().next();
  assert.deepEqual(fileNames(answer?.messageResponse), [extensibleFile]);
});

suite("grpcurl without a schema", needsTools("grpcurl"), () => {
  async function grpcurl(t: TestContext, before: string[], ...after: string[]) {
    const { port } = await startReflectingServer(t);
    const address = `127.0.0.1:${port}`;
    return (await run("grpcurl", ["-plaintext", ...before, address, ...after])).stdout;
  }

  test("lists services", async (t) => {
    assert.deepEqual((await grpcurl(t, [], "list")).trim().split("\n"), [
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
      "testing.v1.EchoService",
    ]);
  });

  test("describes a message", async (t) => {
    const text = await grpcurl(t, [], "describe", "testing.v1.Extensible");
    assert.match(text, /extensions 100 to 199;/);
    assert.match(text, /oneof choice/);
  });

  test("calls a method, with an extension in the request", async (t) => {
    const data = JSON.stringify({ text: "a", extensible: { "[testing.v1.note]": "b" } });
    const text = await grpcurl(t, ["-d", data], "testing.v1.EchoService/Unary");
    assert.deepEqual(JSON.parse(text), { text: "a" });
  });
});

suite("buf curl without a schema", () => {
  for (const version of ["grpc-v1", "grpc-v1alpha"]) {
    for (const protocol of ["connect", "grpc", "grpcweb"]) {
      test(`${version}, ${protocol}`, async (t) => {
        const { url } = await startReflectingServer(t);
        const { stdout } = await run("buf", [
          ...["curl", "--http2-prior-knowledge", "--protocol", protocol],
          ...["--reflect", "--reflect-protocol", version],
          ...["--data", '{"text":"a","repeat":2}', `${url}/testing.v1.EchoService/ServerStream`],
        ]);
        assert.equal(stdout.replaceAll(/\s/g, ""), '{"text":"a"}{"text":"a"}');
      });
    }
  }
});

function startReflectingServer(t: TestContext) {
  return startEchoServer(t);
}

async function startClient(
  t: TestContext,
  service: typeof ServerReflection | typeof ServerReflectionV1Alpha,
) {
  const { url } = await startReflectingServer(t);
  const transport = createTransport({ baseUrl: url, protocol: "grpc", httpVersion: "2" });
  // The versions have the same shape but for the names of their types.
  return createClient(service as typeof ServerReflection, transport);
}

/** Asks on one stream, and returns the answers. */
async function ask(
  t: TestContext,
  service: typeof ServerReflection | typeof ServerReflectionV1Alpha,
  ...questions: Question[]
) {
  const client = await startClient(t, service);
  const asked = questions.map((messageRequest) => ({ messageRequest }));
  const answers = [];
  for await (const { messageResponse } of client.serverReflectionInfo(requests(...asked))) {
    answers.push(messageResponse);
  }
  return answers;
}

type Answer = Awaited<ReturnType<typeof ask>>[number];

function fileNames(answer: Answer | undefined): string[] {
  assert.equal(answer?.case, "fileDescriptorResponse");
  return answer.value.fileDescriptorProto.map(
    (bytes) => fromBinary(FileDescriptorProtoSchema, bytes).name,
  );
}

async function* requests(...all: Request[]) {
  yield* all;
}
