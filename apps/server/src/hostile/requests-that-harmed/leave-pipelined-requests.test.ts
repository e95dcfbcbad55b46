import { suite, test } from "node:test";
import { send, wait } from "../fuzz/attacks/attack.ts";
import { playScript } from "../fuzz/play-script.ts";
import { busyRoom, hugeRoom } from "../fuzz/rooms.ts";
import { expectSurvival, repeatWhileAlive } from "./expect-survival.ts";
import { listMessagesGet } from "./raw-calls.ts";

const pipelines = [
  listMessagesGet(busyRoom, 2),
  listMessagesGet(hugeRoom, 2),
  listMessagesGet(busyRoom, 100),
];

suite("a client of HTTP/1.1 that leaves while several requests are under way", () => {
  for (const how of ["close", "reset", "half-close"] as const) {
    test(`2 or 100 pipelined requests, then ${how}`, async (t) => {
      await expectSurvival(t, (server) =>
        repeatWhileAlive(server, 100, (index) =>
          playScript(server, "http1", {
            steps: [
              send(pipelines[index % pipelines.length] as Buffer),
              wait(index % 10),
              { kind: "leave", how },
            ],
            isPolite: true,
            requestCount: 1,
          }),
        ),
      );
    });
  }
});
