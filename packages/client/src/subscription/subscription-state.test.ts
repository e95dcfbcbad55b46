import assert from "node:assert/strict";
import { test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ListMessagesRequest, Message } from "@parley/proto/chat/v1";
import { createChatClient, oldestKept, type SubscriptionState } from "../index.ts";
import {
  chat,
  epoch,
  heartbeat,
  type ScriptedServer,
  type StreamScript,
  scriptedServer,
  silence,
  welcome,
} from "../testing/scripted-server.ts";

/** A server with a room up to this sequence. */
function serverOf(scripts: StreamScript[], head: bigint) {
  const asked: ListMessagesRequest[] = [];
  const server = scriptedServer(scripts, {
    listMessages(request) {
      asked.push(request);
      return { head: { epoch, sequence: head } };
    },
  });
  return { ...server, asked };
}

/** The states up to the first `live`, with the messages that were yielded before it. */
async function untilLive(server: Pick<ScriptedServer, "transport">, after = oldestKept) {
  const seen: string[] = [];
  const controller = new AbortController();
  const client = createChatClient(server.transport, { backoff: { initialMs: 1, maxMs: 2 } });
  const subscription = client.subscribe(
    { room: "lobby", user: "ada", after },
    {
      signal: controller.signal,
      onStateChange(state) {
        seen.push(state.name);
        if (state.name === "live") {
          controller.abort();
        }
      },
    },
  );
  for await (const message of subscription) {
    seen.push(message.id);
  }
  return seen;
}

test("a subscription from now on is live at its welcome", async () => {
  const states: SubscriptionState[] = [];
  const server = scriptedServer([
    async function* () {
      yield welcome(5);
      yield chat(6);
    },
  ]);
  for await (const _ of createChatClient(server.transport).subscribe(
    { room: "lobby", user: "ada" },
    { onStateChange: (state) => states.push(state) },
  )) {
    break;
  }
  assert.deepEqual(states, [{ name: "connecting" }, { name: "live" }, { name: "closed" }]);
});

test("a subscription that has nothing to catch up on is live without a message", async () => {
  const server = serverOf(
    [
      async function* (_, context) {
        yield welcome(7);
        await silence(context);
      },
    ],
    7n,
  );
  assert.deepEqual(await untilLive(server, { epoch, sequence: 7n }), [
    "connecting",
    "catching-up",
    "live",
    "closed",
  ]);
  const [asked] = server.asked;
  assert.equal(asked?.pageSize, 1);
  assert.equal(asked?.cursor.case, "after");
  assert.equal(asked?.cursor.value?.sequence, 7n);
});

/** The states of a subscription that, after some messages, hears what the newest one is. */
async function statesWithHistory(head: bigint, before: Message[], after: Message[]) {
  const headKnown = Promise.withResolvers<void>();
  const server = scriptedServer(
    [
      async function* (_, context) {
        yield* before;
        await headKnown.promise;
        yield* after;
        await silence(context);
      },
    ],
    {
      listMessages() {
        headKnown.resolve();
        return { head: { epoch, sequence: head } };
      },
    },
  );
  return await untilLive(server);
}

test("a resumed subscription is live when it has passed the newest message", async () => {
  const seen = await statesWithHistory(3n, [welcome(0), chat(1)], [chat(2), chat(3)]);
  const messages = ["msg_1", "msg_2", "msg_3"];
  assert.deepEqual(seen, ["connecting", "catching-up", ...messages, "live", "closed"]);
});

test("a heartbeat in the middle of the history is not the end of it", async () => {
  const seen = await statesWithHistory(
    2n,
    [welcome(0), heartbeat(0)],
    [heartbeat(0), chat(1), heartbeat(1), chat(2)],
  );
  assert.deepEqual(seen, ["connecting", "catching-up", "msg_1", "msg_2", "live", "closed"]);
});

test("a heartbeat that has passed the newest message is the end of the history", async () => {
  // What stood between was trimmed, or is not for this reader.
  const seen = await statesWithHistory(3n, [welcome(0), chat(1)], [heartbeat(3)]);
  assert.deepEqual(seen, ["connecting", "catching-up", "msg_1", "live", "closed"]);
});

test("the newest message is asked for until the server tells", async () => {
  let askedCount = 0;
  const server = scriptedServer(
    [
      async function* (_, context) {
        yield welcome(0);
        yield chat(1);
        await silence(context);
      },
    ],
    {
      listMessages() {
        askedCount++;
        if (askedCount < 3) {
          throw new ConnectError("not now", Code.Unavailable);
        }
        return { head: { epoch, sequence: 1n } };
      },
    },
  );
  const seen = await untilLive(server);
  assert.deepEqual(seen, ["connecting", "catching-up", "msg_1", "live", "closed"]);
  assert.equal(askedCount, 3);
});

test("a reader who may not know the newest message is not told that it was passed", async () => {
  const refused = Promise.withResolvers<void>();
  const server = scriptedServer(
    [
      async function* (_, context) {
        yield welcome(0);
        yield chat(1);
        await refused.promise;
        yield heartbeat(1);
        yield chat(2);
        await silence(context);
      },
    ],
    {
      listMessages() {
        refused.resolve();
        throw new ConnectError("not for you", Code.PermissionDenied);
      },
    },
  );
  const subscription = createChatClient(server.transport).subscribe({
    room: "lobby",
    user: "ada",
    after: oldestKept,
  });
  for await (const { sequence } of subscription) {
    if (sequence === 2n) {
      assert.equal(subscription.state.name, "catching-up");
      break;
    }
  }
});

test("a broken stream is waited for, with the time and the reason", async () => {
  const server = scriptedServer([
    async function* () {
      yield welcome(5);
      throw new ConnectError("draining", Code.Unavailable);
    },
    async function* () {
      yield welcome(5);
      yield chat(6);
    },
  ]);
  const states: SubscriptionState[] = [];
  const client = createChatClient(server.transport, { backoff: { initialMs: 40, maxMs: 40 } });
  const startedAtMs = Date.now();
  for await (const _ of client.subscribe(
    { room: "lobby", user: "ada" },
    { onStateChange: (state) => states.push(state) },
  )) {
    break;
  }
  assert.deepEqual(
    states.map(({ name }) => name),
    ["connecting", "live", "waiting", "connecting", "catching-up", "closed"],
  );
  const waiting = states[2];
  assert.ok(waiting?.name === "waiting");
  assert.equal(waiting.error.code, Code.Unavailable);
  assert.ok(waiting.retryAtMs >= startedAtMs && waiting.retryAtMs <= Date.now() + 1);
});
