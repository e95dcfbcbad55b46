import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { Client, credentials } from "@grpc/grpc-js";
import { createCertificate } from "@parley/testing/certificate";
import { needsTools } from "@parley/testing/tools";
import { EchoRequestSchema, EchoService } from "../gen/testing/v1/echo_pb.ts";
import { startEchoServer } from "../testing/echo-server.ts";
import { createTransport, httpVersions, protocols } from "../testing/transports.ts";

const security = [
  { name: "cleartext", options: { skip: false }, tls: () => undefined },
  { name: "TLS", options: needsTools("openssl"), tls: createCertificate },
] as const;

for (const { name, options, tls: createTls } of security) {
  suite(name, options, () => {
    for (const httpVersion of httpVersions) {
      for (const protocol of protocols) {
        test(`${protocol} over HTTP/${httpVersion}`, async (t) => {
          const tls = createTls();
          const { url } = await startEchoServer(t, { tls });
          const ca = tls ? { ca: tls.cert } : {};
          const transport = createTransport({ baseUrl: url, protocol, httpVersion, ...ca });
          const client = createClient(EchoService, transport);

          assert.equal((await client.unary({ text: "a" })).text, "a");
          assert.deepEqual(await texts(client.serverStream({ text: "b", repeat: 3 })), [
            "b",
            "b",
            "b",
          ]);
          assert.equal((await client.clientStream(requests("c", "d"))).text, "cd");
          if (httpVersion === "2") {
            assert.deepEqual(await texts(client.bidiStream(requests("e", "f"))), ["e", "f"]);
          }
        });
      }
    }

    test("grpc-js", async (t) => {
      const tls = createTls();
      const { port } = await startEchoServer(t, { tls });
      const channelCredentials = tls
        ? credentials.createSsl(Buffer.from(tls.cert))
        : credentials.createInsecure();
      const client = new Client(`localhost:${port}`, channelCredentials);
      t.after(() => client.close());
      const answer = await new Promise<Buffer>((resolve, reject) => {
        client.makeUnaryRequest(
          "/testing.v1.EchoService/Unary",
          (bytes: Buffer) => bytes,
          (bytes) => bytes,
          Buffer.from(toBinary(EchoRequestSchema, create(EchoRequestSchema, { text: "a" }))),
          (error, response) => (error ? reject(error) : resolve(response as Buffer)),
        );
      });
      // The request's and the response's text have the same number.
      assert.deepEqual([...answer], [0x0a, 1, "a".charCodeAt(0)]);
    });
  });
}

async function texts(messages: AsyncIterable<{ text: string }>) {
  const all: string[] = [];
  for await (const { text } of messages) {
    all.push(text);
  }
  return all;
}

async function* requests(...all: string[]) {
  for (const text of all) {
    yield { text };
  }
}
