import { test } from "node:test";
import { receive, send } from "../fuzz/attacks/attack.ts";
import { playScript } from "../fuzz/play-script.ts";
import { envelope } from "../fuzz/wire/envelope.ts";
import {
  dataFrame,
  flag,
  headersFrame,
  prefaceWith,
  resetFrame,
} from "../fuzz/wire/http2-frames.ts";
import { bytesField } from "../fuzz/wire/protobuf-fields.ts";
import { expectSurvival, repeatWhileAlive } from "./expect-survival.ts";
import { grpcFields } from "./raw-calls.ts";

test("a subscription that is reset in the segment that asks for it is not kept", async (t) => {
  const codes = [0, 5, 8];
  const request = envelope(Buffer.concat([bytesField(1, "quiet"), bytesField(2, "ada")]));
  await expectSurvival(t, (server) =>
    repeatWhileAlive(server, 60, (index) =>
      playScript(server, "http2", {
        steps: [
          send(
            prefaceWith(),
            headersFrame(1, grpcFields("SubscribeMessages")),
            dataFrame(1, request, flag.endStream),
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
