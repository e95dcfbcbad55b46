import { test } from "node:test";
import { receive, send, wait } from "../fuzz/attacks/attack.ts";
import { playScript } from "../fuzz/play-script.ts";
import { envelope } from "../fuzz/wire/envelope.ts";
import { dataFrame, headersFrame, prefaceWith, resetFrame } from "../fuzz/wire/http2-frames.ts";
import { bytesField, varintField } from "../fuzz/wire/protobuf-fields.ts";
import { expectSurvival, repeatWhileAlive } from "./expect-survival.ts";
import { grpcFields } from "./raw-calls.ts";

const chat = 0;
const join = 1;

function message(room: string, type: number): Buffer {
  return envelope(
    Buffer.concat([
      bytesField(2, "ada"),
      bytesField(3, "hello"),
      bytesField(4, room),
      varintField(6, type),
    ]),
  );
}

test("a Chat whose JOIN waits for the log, sent more and then reset", async (t) => {
  const codes = [0, 0, 5, 8];
  await expectSurvival(t, (server) =>
    repeatWhileAlive(server, 200, (index) =>
      playScript(server, "http2", {
        steps: [
          send(
            prefaceWith(),
            headersFrame(1, grpcFields("Chat")),
            // A room that is not in memory: its head is to be read first.
            dataFrame(1, message(`room-${index}`, join)),
          ),
          wait(index % 3),
          send(dataFrame(1, message(`room-${index}`, chat)), resetFrame(1, codes[index % 4])),
          receive(200, 20),
        ],
        isPolite: true,
        requestCount: 1,
      }),
    ),
  );
});
