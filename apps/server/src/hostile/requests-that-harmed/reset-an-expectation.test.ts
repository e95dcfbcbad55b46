import { test } from "node:test";
import { receive, send } from "../fuzz/attacks/attack.ts";
import { playScript } from "../fuzz/play-script.ts";
import { headersFrame, prefaceWith, resetFrame } from "../fuzz/wire/http2-frames.ts";
import { expectSurvival, repeatWhileAlive } from "./expect-survival.ts";
import { grpcFields } from "./raw-calls.ts";

test("a stream that expects 100-continue and is reset in the same segment", async (t) => {
  const codes = [0, 5, 8];
  await expectSurvival(t, (server) =>
    repeatWhileAlive(server, 60, (index) =>
      playScript(server, "http2", {
        steps: [
          send(
            prefaceWith(),
            // A path of no method: other calls do not ask the stock path for a 100.
            headersFrame(1, [
              ...grpcFields(index % 2 === 0 ? "SendMessage" : "Nothing"),
              ["expect", "100-continue"],
            ]),
            resetFrame(1, codes[index % codes.length]),
          ),
          receive(200, 20),
        ],
        isPolite: true,
        requestCount: 1,
      }),
    ),
  );
});
