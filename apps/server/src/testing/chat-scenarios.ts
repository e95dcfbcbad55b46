import assert from "node:assert/strict";
import { cpus } from "node:os";
import { inspect, isDeepStrictEqual } from "node:util";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampDate, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Client, Code, ConnectError } from "@connectrpc/connect";
import { createWritableIterable } from "@connectrpc/connect/protocol";
import {
  type ChatService,
  type Message,
  type MessageSchema,
  MessageType,
  type Metric,
  type Position,
  PositionOutOfRangeSchema,
  type Room,
} from "@parley/proto/chat/v1";
import { BadRequestSchema } from "@parley/proto/google/rpc/error_details";
import { openStream } from "./open-stream.ts";

type ChatClient = Client<typeof ChatService>;
type MessageInit = MessageInitShape<typeof MessageSchema>;

/** What a caller does and must see, whatever it calls by. */
export interface ChatScenario {
  readonly name: string;
  /** Whether it needs a call that sends and receives at once, so HTTP/2. */
  readonly bidirectional?: boolean;
  /** The room, and those that its name begins, are the scenario's own. */
  readonly run: (client: ChatClient, room: string) => Promise<void>;
}

/** Long enough to be worth compressing to a server. */
const long = (text: string) => text.padEnd(2_000, ".");

export const chatScenarios: readonly ChatScenario[] = [
  { name: "SendMessage is acknowledged and delivered", run: sendAndReceive },
  {
    name: "SubscribeMessages replays from a position, then goes on live",
    run: replay,
  },
  { name: "SubscribeMessages sends presence and heartbeats", run: presenceAndHeartbeat },
  { name: "UploadMessages counts and stores", run: upload },
  {
    name: "Chat echoes, joins rooms and leaves them",
    run: chat,
    bidirectional: true,
  },
  { name: "StreamMetrics measures", run: metrics },
  { name: "ListMessages pages both ways", run: listMessages },
  { name: "ListRooms pages by name", run: listRooms },
  { name: "errors carry their details", run: errors },
  { name: "an error amid a Chat carries its details", run: chatError, bidirectional: true },
];

async function sendAndReceive(client: ChatClient, room: string) {
  using messages = openStream((options) =>
    client.subscribeMessages({ room, user: "ada" }, options),
  );
  const welcome = await messages.next();
  assert.equal(welcome.id, "system");
  assert.equal(welcome.user, "System");
  assert.equal(welcome.content, `Welcome to room ${room}, ada!`);
  assert.equal(welcome.type, MessageType.SYSTEM);
  assert.equal(welcome.sequence, 0n);
  assert.notEqual(welcome.epoch, "");

  const request = { room, user: "bob", content: "hello, é ✓", idempotencyKey: "key" };
  const sent = await client.sendMessage(request);
  assert.match(sent.messageId, /^msg_\d+$/);
  assert.equal(sent.sequence, 1n);
  const again = await client.sendMessage(request);
  assert.deepEqual(
    [again.messageId, again.sequence],
    [sent.messageId, sent.sequence],
    "a repeated key appends nothing",
  );
  const next = await client.sendMessage({ ...request, content: "next", idempotencyKey: "" });
  assert.equal(next.sequence, 2n);

  const received = await messages.next();
  assert.equal(received.id, sent.messageId);
  assert.equal(received.user, "bob");
  assert.equal(received.content, "hello, é ✓");
  assert.equal(received.room, room);
  assert.equal(received.type, MessageType.CHAT);
  assert.equal(received.sequence, 1n);
  assert.equal(received.idempotencyKey, "key");
  assert.deepEqual(received.timestamp, sent.timestamp);
  assert.equal((await messages.next()).id, next.messageId);
}

async function replay(client: ChatClient, room: string) {
  const position = await fill(client, room, 5);
  const after = { epoch: position.epoch, sequence: 2n };
  using messages = openStream((options) =>
    client.subscribeMessages({ room, user: "ada", after }, options),
  );
  assert.equal((await messages.next()).sequence, 2n, "the welcome tells where it starts");
  const contents: string[] = [];
  for (let count = 0; count < 3; count++) {
    contents.push((await messages.next()).content);
  }
  assert.deepEqual(contents, [long("3"), long("4"), long("5")]);
  await client.sendMessage({ room, user: "bob", content: "6" });
  assert.equal((await messages.next()).content, "6");

  using all = openStream((options) =>
    client.subscribeMessages({ room, user: "eve", after: {} }, options),
  );
  await all.next();
  assert.equal((await all.next()).content, long("1"), "an empty position is before the oldest");
}

async function presenceAndHeartbeat(client: ChatClient, room: string) {
  using messages = openStream((options) =>
    client.subscribeMessages({ room, user: "ada", presence: true }, options),
  );
  await messages.next();
  {
    using visit = openStream((options) =>
      client.subscribeMessages({ room, user: "bob", heartbeat: { nanos: 20_000_000 } }, options),
    );
    await visit.next();
    const heartbeat = await visit.next();
    assert.equal(heartbeat.id, "heartbeat");
    assert.equal(heartbeat.content, "");
    assert.equal(heartbeat.type, MessageType.SYSTEM);
    const join = await nextOf(messages, ({ user }) => user === "bob");
    assert.equal(join.type, MessageType.JOIN);
  }
  const leave = await nextOf(messages, ({ user }) => user === "bob");
  assert.equal(leave.type, MessageType.LEAVE);
}

async function upload(client: ChatClient, room: string) {
  const timestamp = timestampFromMs(Date.UTC(2020, 1, 2));
  const message: MessageInit = { room, user: "bob", timestamp };
  async function* messages() {
    yield { ...message, content: long("1"), idempotencyKey: "key" };
    yield { ...message, content: "2" };
    yield { ...message, content: long("1"), idempotencyKey: "key" };
    yield { ...message, content: "3", room: `${room} too` };
  }
  const response = await client.uploadMessages(messages());
  assert.equal(response.messageCount, 4);
  assert.equal(response.success, true);
  assert.equal(response.duplicateCount, 1);
  const { messages: stored } = await client.listMessages({ room });
  assert.deepEqual(
    stored.map(({ content, sequence }) => [content, sequence]),
    [
      [long("1"), 1n],
      ["2", 2n],
    ],
  );
  assert.deepEqual(stored[0]?.timestamp, timestamp, "a sender's own timestamp is kept");
  assert.equal((await client.listMessages({ room: `${room} too` })).messages.length, 1);
}

async function chat(client: ChatClient, room: string) {
  const [near, far] = [`${room} near`, `${room} far`];
  const { epoch } = await fill(client, far, 2);
  const input = createWritableIterable<MessageInit>();
  using output = openStream((options) => client.chat(input, options));
  const say = (message: MessageInit) => void input.write({ user: "ada", ...message });
  // Presence has its own scenario; on a slow machine this one takes long enough to be told
  // that the server is alive.
  const next = () => nextOf(output, ({ id }) => id !== "presence" && !id.startsWith("server_"));

  say({ id: "client_1", room: near, content: long("hello") });
  const echo = await next();
  assert.equal(echo.id, "echo_client_1");
  assert.equal(echo.user, "Server");
  assert.equal(echo.content, `Echo: ${long("hello")}`);
  assert.equal(echo.room, near);
  assert.equal(echo.type, MessageType.SYSTEM);
  assert.equal(echo.sequence, 1n);

  say({ id: "join_1", room: near, type: MessageType.JOIN });
  assert.deepEqual(outline(await next()), ["echo_join_1", near, 1n]);
  const welcome = await next();
  assert.deepEqual(outline(welcome), ["system", near, 1n]);
  assert.equal(welcome.content, `Welcome to room ${near}, ada!`);
  assert.equal(welcome.epoch, epoch);
  say({ id: "join_2", room: far, type: MessageType.JOIN, epoch, sequence: 1n });
  assert.deepEqual(outline(await next()), ["echo_join_2", far, 1n]);
  assert.deepEqual(outline(await next()), ["system", far, 1n]);
  assert.equal((await next()).content, long("2"), "what the room held after the position");

  const sent = [
    await client.sendMessage({ room: near, user: "bob", content: "to the near room" }),
    await client.sendMessage({ room: far, user: "bob", content: "to the far room" }),
  ];
  const received = [await next(), await next()];
  assert.deepEqual(
    new Set(received.map(({ id }) => id)),
    new Set(sent.map(({ messageId }) => messageId)),
  );

  say({ id: "leave", room: near, type: MessageType.LEAVE });
  assert.equal((await next()).id, "echo_leave");
  await client.sendMessage({ room: near, user: "bob", content: "unseen" });
  await client.sendMessage({ room: far, user: "bob", content: "seen" });
  assert.equal((await next()).content, "seen");

  say({ id: "client_2", room: near, content: "bye" });
  input.close();
  assert.equal((await next()).id, "echo_client_2", "half-closing waits for the last echo");
  await output.end();
}

async function metrics(client: ChatClient, _room: string) {
  using stream = openStream((options) =>
    client.streamMetrics({ instanceId: "a", intervalSeconds: 1 }, options),
  );
  const sample: Metric[] = [];
  do {
    sample.push(await stream.next());
  } while (sample.at(-1)?.name !== "deliveries_per_second");
  const instance = sample[0]?.labels.instance ?? "";
  assert.notEqual(instance, "");
  assert.notEqual(instance, "a", "it is the server's own, whatever the caller names");
  const valueFor = (name: string, labels: Record<string, string> = {}) => {
    const wanted = { instance, ...labels };
    const metric = sample.find(
      (one) => one.name === name && isDeepStrictEqual({ ...one.labels }, wanted),
    );
    assert.ok(metric, `${name} ${inspect(wanted)} in ${inspect(sample)}`);
    return metric.value;
  };
  for (let core = 0; core < cpus().length; core++) {
    const percent = valueFor("cpu_usage", { core: String(core) });
    assert.ok(percent >= 0 && percent <= 100, String(percent));
  }
  const megabytes = valueFor("memory_usage", { type: "resident" });
  assert.ok(megabytes > 20 && megabytes < 4_000, String(megabytes));
  assert.ok(valueFor("memory_usage", { type: "heap" }) < megabytes);
  const calls = valueFor("requests_per_second", { endpoint: "/api" });
  const ownCalls = valueFor("requests_per_second", {
    endpoint: "/chat.v1.ChatService/StreamMetrics",
  });
  assert.ok(ownCalls >= 0 && ownCalls <= calls, `${ownCalls} of ${calls}`);
  const median = valueFor("event_loop_delay", { quantile: "0.5" });
  assert.ok(median <= valueFor("event_loop_delay", { quantile: "0.99" }));
  assert.ok(valueFor("open_subscriptions") >= 0);
  assert.ok(valueFor("deliveries_per_second") >= 0);
  for (const { timestamp } of sample) {
    assert.ok(timestamp && Math.abs(timestampDate(timestamp).getTime() - Date.now()) < 60_000);
  }
}

async function listMessages(client: ChatClient, room: string) {
  const head = await fill(client, room, 5);
  const at = (sequence: bigint) => ({ epoch: head.epoch, sequence });
  const page = async (cursor?: { case: "before" | "after"; value: ReturnType<typeof at> }) => {
    const response = await client.listMessages({
      room,
      pageSize: 2,
      ...(cursor ? { cursor } : {}),
    });
    assert.deepEqual(response.head, head);
    assert.equal(response.oldest?.sequence, 0n);
    return [response.messages.map(({ content }) => content), response.hasMore];
  };
  assert.deepEqual(await page(), [[long("4"), long("5")], true]);
  assert.deepEqual(await page({ case: "before", value: at(4n) }), [[long("2"), long("3")], true]);
  assert.deepEqual(await page({ case: "before", value: at(2n) }), [[long("1")], false]);
  assert.deepEqual(await page({ case: "after", value: at(1n) }), [[long("2"), long("3")], true]);
  assert.deepEqual(await page({ case: "after", value: at(3n) }), [[long("4"), long("5")], false]);
  assert.deepEqual(await page({ case: "after", value: at(5n) }), [[], false]);
}

async function listRooms(client: ChatClient, room: string) {
  const names = [`${room} 1`, `${room} 2`, `${room} 3`];
  const heads: Position[] = [];
  for (const [index, name] of names.entries()) {
    heads.push(await fill(client, name, index + 1));
  }
  using visit = openStream((options) =>
    client.subscribeMessages({ room: names[1] as string, user: "ada" }, options),
  );
  await visit.next();
  const all = await allRooms(client);
  const found = all.filter(({ name }) => names.includes(name));
  assert.deepEqual(
    found.map(({ name }) => name),
    names,
  );
  assert.deepEqual(
    found.map(({ messageCount }) => messageCount),
    [1n, 2n, 3n],
  );
  assert.deepEqual(
    found.map(({ head }) => head),
    heads,
  );
  assert.deepEqual(
    found.map(({ members, memberCount }) => [members, memberCount]),
    [
      [[], 0],
      [["ada"], 1],
      [[], 0],
    ],
  );
}

async function allRooms(client: ChatClient): Promise<Room[]> {
  const pageSize = 25;
  const rooms: Room[] = [];
  let pageToken = "";
  do {
    const page = await client.listRooms({ pageSize, pageToken });
    assert.ok(page.rooms.length > 0 && page.rooms.length <= pageSize);
    rooms.push(...page.rooms);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  const names = rooms.map(({ name }) => name);
  assert.deepEqual(names, [...new Set(names)].sort());
  return rooms;
}

async function errors(client: ChatClient, room: string) {
  const message = { room, user: "bob", content: "x" };
  await rejectsWithViolation(client.sendMessage({ ...message, user: "" }), "user");
  await rejectsWithViolation(client.listMessages({ room, pageSize: 1_001 }), "page_size");
  await rejectsWithViolation(
    client.uploadMessages(each([message, { ...message, type: MessageType.SYSTEM }])),
    "type",
  );
  using invalid = openStream((options) =>
    client.subscribeMessages({ room: "", user: "ada" }, options),
  );
  await rejectsWithViolation(invalid.next(), "room");

  const head = await fill(client, `${room} too`, 1);
  const after = { epoch: "another", sequence: 1n };
  using lost = openStream((options) =>
    client.subscribeMessages({ room: `${room} too`, user: "ada", after }, options),
  );
  await assert.rejects(lost.next(), (error) => {
    assert.ok(error instanceof ConnectError, String(error));
    assert.equal(error.code, Code.OutOfRange);
    const [detail] = error.findDetails(PositionOutOfRangeSchema);
    assert.deepEqual(detail?.head, head);
    return true;
  });
}

async function chatError(client: ChatClient, room: string) {
  const message = { id: "1", room, user: "bob", content: "x" };
  const input = createWritableIterable<MessageInit>();
  using output = openStream((options) => client.chat(input, options));
  void input.write(message);
  assert.equal((await output.next()).id, "echo_1");
  void input.write({ ...message, type: MessageType.JOIN, room: "" });
  // On a slow machine the server says that it is alive before it has read that.
  await rejectsWithViolation(
    nextOf(output, () => false),
    "room",
  );
}

/** Appends messages "1" to "<count>", and returns the position of the last one. */
async function fill(client: ChatClient, room: string, count: number): Promise<Position> {
  const contents = Array.from({ length: count }, (_, index) => long(String(index + 1)));
  await client.uploadMessages(each(contents.map((content) => ({ room, user: "bob", content }))));
  const { head } = await client.listMessages({ room, pageSize: 1 });
  assert.equal(head?.sequence, BigInt(count));
  return head;
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function nextOf(
  stream: { next(): Promise<Message> },
  wanted: (message: Message) => boolean,
): Promise<Message> {
  for (;;) {
    const message = await stream.next();
    if (wanted(message)) {
      return message;
    }
  }
}

function outline({ id, room, sequence }: Message) {
  return [id, room, sequence];
}

function rejectsWithViolation(call: Promise<unknown>, field: string): Promise<void> {
  return assert.rejects(call, (error) => {
    assert.ok(error instanceof ConnectError, String(error));
    assert.equal(error.code, Code.InvalidArgument);
    const violations = error.findDetails(BadRequestSchema).flatMap((one) => one.fieldViolations);
    assert.deepEqual(
      violations.map((violation) => violation.field),
      [field],
    );
    assert.notEqual(violations[0]?.description, "");
    return true;
  });
}
