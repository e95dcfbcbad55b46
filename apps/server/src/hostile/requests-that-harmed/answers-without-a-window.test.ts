import { test } from "node:test";
import { hugeRoom } from "../fuzz/rooms.ts";
import { prefaceWith, setting } from "../fuzz/wire/http2-frames.ts";
import { expectSurvival, holdWithoutReading } from "./expect-survival.ts";
import { listMessagesCall } from "./raw-calls.ts";

test("1,000 answers of 10 MiB on HTTP/2 streams without a window cost bounded memory", async (t) => {
  const calls = Array.from({ length: 1_000 }, (_, index) =>
    listMessagesCall(2 * index + 1, hugeRoom),
  );
  await expectSurvival(t, (server) =>
    holdWithoutReading(
      server,
      Buffer.concat([prefaceWith([[setting.initialWindowSize, 0]]), ...calls]),
    ),
  );
});
