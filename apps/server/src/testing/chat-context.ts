import type { TestContext } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { temporaryFolder } from "@parley/testing/temporary-folder";
import type { ChatContext } from "../chat/chat-context.ts";
import { ServerDrain } from "../chat/server-drain.ts";
import type { MessageLog } from "../log/message-log.ts";
import { toRecord } from "../log/payload.ts";
import { openSqliteMessageLog } from "../log/sqlite/sqlite-message-log.ts";
import { Rooms, type RoomsOptions } from "../rooms/rooms.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { MetricsSampler } from "../telemetry/metrics-sampler.ts";

export interface TestChatContext extends ChatContext {
  /** Appends messages to a room and returns the last one's sequence. */
  append(room: string, ...contents: string[]): Promise<number>;
  /** Begins the drain of the server. */
  beginDrain(): void;
}

/**
 * What the chat service works on, for tests that call it without a server.
 *
 * @param wrap - puts a log of the test's own before the real one
 */
export async function openChatContext(
  t: TestContext,
  options: RoomsOptions & { readonly wrap?: (log: MessageLog) => MessageLog } = {},
): Promise<TestChatContext> {
  const stored = await openSqliteMessageLog({ folder: temporaryFolder(t) });
  const log = options.wrap?.(stored) ?? stored;
  const rooms = new Rooms(log, { presenceGraceMs: 0, ...options });
  const metrics = new Metrics(() => rooms.subscriptionCount);
  const controller = new AbortController();
  t.after(async () => {
    rooms.close();
    await stored.close();
  });
  return {
    log,
    rooms,
    metrics,
    sampler: new MetricsSampler({ instanceId: "test", metrics, callCounts: () => [] }),
    drain: new ServerDrain(controller.signal),
    async append(room, ...contents) {
      const records = contents.map((content) =>
        toRecord({ room, user: "bob", content, idempotencyKey: "" }, Date.now()),
      );
      return (await stored.append(records)).at(-1)?.sequence ?? 0;
    },
    beginDrain: () => controller.abort(new ConnectError("the server drains", Code.Unavailable)),
  };
}

/** A log of which some parts are a test's own. */
export function withParts(log: MessageLog, parts: Partial<MessageLog>): MessageLog {
  return new Proxy(log, {
    get(target, name) {
      const part = Reflect.get(name in parts ? parts : target, name);
      return typeof part === "function" ? part.bind(target) : part;
    },
  });
}
