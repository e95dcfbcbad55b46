import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { DescService } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { EchoService } from "../gen/testing/v1/echo_pb.ts";
import { startEchoServer } from "../testing/echo-server.ts";
import { createTransport, httpVersions, protocols } from "../testing/transports.ts";
import { rewriteServiceAliases } from "./service-aliases.ts";

const rewriteUrl = rewriteServiceAliases({ "old.Echo": "testing.v1.EchoService" });

test("only the service in the path is rewritten", () => {
  const cases: [url: string | undefined, expected: string][] = [
    ["/old.Echo/Unary", "/testing.v1.EchoService/Unary"],
    ["/old.Echo/Unary?message=/old.Echo/x", "/testing.v1.EchoService/Unary?message=/old.Echo/x"],
    ["/old.Echo/", "/testing.v1.EchoService/"],
    ["/old.Echo", "/old.Echo"],
    ["/old.EchoMore/Unary", "/old.EchoMore/Unary"],
    ["/prefix/old.Echo/Unary", "/prefix/old.Echo/Unary"],
    ["/constructor/Unary", "/constructor/Unary"],
    ["/", "/"],
    ["*", "*"],
    [undefined, "/"],
  ];
  for (const [url, expected] of cases) {
    assert.equal(rewriteUrl({ url }), expected);
  }
});

suite("the old name is served", () => {
  for (const httpVersion of httpVersions) {
    for (const protocol of protocols) {
      test(`${protocol} over HTTP/${httpVersion}`, async (t) => {
        const urls: string[] = [];
        const { url } = await startEchoServer(t, {
          aliases: { "old.Echo": EchoService.typeName },
          interceptors: [
            (next) => (request) => {
              urls.push(new URL(request.url).pathname);
              return next(request);
            },
          ],
        });
        const useHttpGet = protocol === "connect";
        const transport = createTransport({ baseUrl: url, protocol, httpVersion, useHttpGet });
        const client = createClient(renamed(EchoService, "old.Echo"), transport);
        assert.equal((await client.unary({ text: "a" })).text, "a");
        const stream = client.serverStream({ text: "b", repeat: 1 })[Symbol.asyncIterator]();
        assert.equal((await stream.next()).value?.text, "b");
        assert.deepEqual(urls, [
          "/testing.v1.EchoService/Unary",
          "/testing.v1.EchoService/ServerStream",
        ]);
      });
    }
  }
});

/** The service as a contract would have it in which it has another name. */
function renamed<T extends DescService>(service: T, typeName: string): T {
  const parent = { ...service, typeName };
  const methods = service.methods.map((method) => ({ ...method, parent }));
  const method = Object.fromEntries(methods.map((each) => [each.localName, each]));
  return { ...parent, methods, method };
}
