import { suite, test } from "node:test";
import { send, wait } from "../fuzz/attacks/attack.ts";
import { playScript } from "../fuzz/play-script.ts";
import { envelope } from "../fuzz/wire/envelope.ts";
import { expectSurvival, repeatWhileAlive } from "./expect-survival.ts";

function post(path: string, type: string, body: Buffer): Buffer {
  const head = `POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}`;
  return Buffer.concat([Buffer.from(`${head}\r\n\r\n`), body]);
}

suite("a large body pipelined behind a call that does not end", () => {
  const type = "application/grpc-web";
  const watch = post("/grpc.health.v1.Health/Watch", type, envelope(Buffer.alloc(0)));
  const upload = post("/chat.v1.ChatService/UploadMessages", type, Buffer.alloc(2_000_000));
  for (const how of ["close", "reset"] as const) {
    test(`keeps neither call nor connection when its client leaves by ${how}`, async (t) => {
      await expectSurvival(t, (server) =>
        repeatWhileAlive(server, 10, () =>
          playScript(server, "http1", {
            // The server takes no more than part of it.
            steps: [
              send(watch),
              send(upload.subarray(0, 1_400_000)),
              wait(100),
              { kind: "leave", how },
            ],
            isPolite: true,
            requestCount: 2,
          }),
        ),
      );
    });
  }
});
