import { test } from "node:test";
import { hugeRoom } from "../fuzz/rooms.ts";
import { expectSurvival, holdWithoutReading } from "./expect-survival.ts";
import { listMessagesGet } from "./raw-calls.ts";

test("2,000 pipelined answers of 10 MiB that nobody reads cost bounded memory", async (t) => {
  await expectSurvival(t, (server) => holdWithoutReading(server, listMessagesGet(hugeRoom, 2_000)));
});
