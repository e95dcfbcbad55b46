import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, constants, type ServerHttp2Stream } from "node:http2";
import { suite, test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { type EchoImplementation, startEchoServer } from "../testing/echo-server.ts";

suite("an answer drops what nobody reads of the upload", () => {
  for (const isComplete of [true, false]) {
    test(`when the upload ${isComplete ? "has ended" : "goes on"}`, async (t) => {
      const { stream, gone } = await startUpload(t, {
        async clientStream(requests) {
          for await (const _request of requests) {
            throw new ConnectError("enough", Code.ResourceExhausted);
          }
          return {};
        },
      });
      if (isComplete) {
        stream.end();
      }
      const trailers = once(stream, "trailers");
      stream.resume();
      await once(stream, "close");
      assert.equal((await trailers)[0]["grpc-status"], String(Code.ResourceExhausted));
      assert.equal(stream.rstCode, constants.NGHTTP2_NO_ERROR);
      await gone();
    });
  }
});

/** Sends 40,000 empty messages, and no end, to `clientStream`. */
async function startUpload(t: Parameters<typeof startEchoServer>[0], handlers: EchoImplementation) {
  const accepted = Promise.withResolvers<ServerHttp2Stream>();
  const { url } = await startEchoServer(t, {
    handlers,
    // Whose requests Fastify does not see.
    leanPath: false,
    configure: (app) =>
      app.addHook("onRequest", async ({ raw }) =>
        accepted.resolve(raw.stream as ServerHttp2Stream),
      ),
  });
  const stream = connect(url).request({
    ":method": "POST",
    ":path": "/testing.v1.EchoService/ClientStream",
    "content-type": "application/grpc",
  });
  stream.write(Buffer.alloc(200_000));
  return {
    stream,
    /** Resolves when the server holds nothing of the stream any more. */
    async gone() {
      const accepting = await accepted.promise;
      if (!accepting.destroyed) {
        await once(accepting, "close");
      }
    },
  };
}
