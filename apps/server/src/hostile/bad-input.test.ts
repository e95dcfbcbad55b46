import assert from "node:assert/strict";
import { afterEach, suite, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createWritableIterable } from "@connectrpc/connect/protocol";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import {
  ChatService,
  type ListMessagesRequestSchema,
  type ListRoomsRequestSchema,
  type MessageSchema,
  MessageType,
  type MetricsRequestSchema,
  type SendMessageRequestSchema,
  type SubscribeRequestSchema,
} from "@parley/proto/chat/v1";
import { BadRequestSchema } from "@parley/proto/google/rpc/error_details";
import { openStream } from "../testing/open-stream.ts";
import { suiteServer } from "../testing/suite-server.ts";

const factories = {
  gRPC: createGrpcTransport,
  "gRPC-Web": createGrpcWebTransport,
  Connect: createConnectTransport,
};
type ChatClient = Client<typeof ChatService>;
type MessageInit = MessageInitShape<typeof MessageSchema>;

/** A request that breaks rules, and the fields that break them. */
interface Case<Init> {
  readonly because: string;
  readonly request: Init;
  readonly fields: readonly string[];
}

const long = "é".repeat(129);
const atMost = "é".repeat(128);
const tooMuchText = "x".repeat(10 * 1024 * 1024 - 4 * 1024 + 1);
const message = { room: "room", user: "ada", content: "x" };
const subscribe = { room: "room", user: "ada" };
const withoutEpoch = { sequence: 1n };
const longEpoch = { epoch: long, sequence: 1n };

/** NUL, a line feed, DEL, a control character of C1, and a line separator. */
const forbidden = ["\0", "a\n", "\x7fa", "a\x85b", "\u2028"];
const forbiddenNames = forbidden.map((name) => ({
  because: `names hold ${JSON.stringify(name)}`,
  request: { room: name, user: name, content: "x", idempotencyKey: name },
  fields: ["user", "room", "idempotency_key"],
}));

const sends: Case<MessageInitShape<typeof SendMessageRequestSchema>>[] = [
  { because: "all is empty", request: {}, fields: ["user", "content", "room"] },
  {
    because: "all is too long",
    request: { room: long, user: long, content: "x", idempotencyKey: long },
    fields: ["user", "room", "idempotency_key"],
  },
  {
    because: "the content is too long",
    request: { ...message, content: tooMuchText },
    fields: ["content"],
  },
  ...forbiddenNames,
];

const subscriptions: Case<MessageInitShape<typeof SubscribeRequestSchema>>[] = [
  { because: "all is empty", request: {}, fields: ["room", "user"] },
  { because: "all is too long", request: { room: long, user: long }, fields: ["room", "user"] },
  { because: "names hold NUL", request: { room: "\0", user: "\0" }, fields: ["room", "user"] },
  {
    because: "a position has no epoch",
    request: { ...subscribe, after: withoutEpoch },
    fields: ["after.epoch"],
  },
  {
    because: "an epoch is too long",
    request: { ...subscribe, after: longEpoch },
    fields: ["after.epoch"],
  },
  ...[
    { nanos: 0 },
    { nanos: 9_999_999 },
    { seconds: -1n },
    { seconds: 3_600n, nanos: 1 },
    { seconds: 9_007_199_254n },
  ].map((heartbeat) => ({
    because: `the heartbeat is ${heartbeat.seconds ?? 0} s and ${heartbeat.nanos ?? 0} ns`,
    request: { ...subscribe, heartbeat },
    fields: ["heartbeat"],
  })),
];

const pages: Case<MessageInitShape<typeof ListMessagesRequestSchema>>[] = [
  { because: "the room is empty", request: {}, fields: ["room"] },
  { because: "the room is too long", request: { room: long }, fields: ["room"] },
  { because: "the room has two lines", request: { room: "a\nb" }, fields: ["room"] },
  {
    because: "the page is negative",
    request: { room: "room", pageSize: -1 },
    fields: ["page_size"],
  },
  { because: "it is too large", request: { room: "room", pageSize: 1_001 }, fields: ["page_size"] },
  {
    because: "a position to end before has no epoch",
    request: { room: "room", cursor: { case: "before", value: withoutEpoch } },
    fields: ["before.epoch"],
  },
  {
    because: "a position to start after has no epoch",
    request: { room: "room", cursor: { case: "after", value: withoutEpoch } },
    fields: ["after.epoch"],
  },
  {
    because: "room, position and size are all wrong",
    request: { cursor: { case: "after", value: longEpoch }, pageSize: -5 },
    fields: ["room", "after.epoch", "page_size"],
  },
];

const roomPages: Case<MessageInitShape<typeof ListRoomsRequestSchema>>[] = [
  { because: "the page is negative", request: { pageSize: -1 }, fields: ["page_size"] },
  { because: "it is too large", request: { pageSize: 1_001 }, fields: ["page_size"] },
  {
    because: "the token is too long",
    request: { pageToken: "x".repeat(1_025) },
    fields: ["page_token"],
  },
];

const measurements: Case<MessageInitShape<typeof MetricsRequestSchema>>[] = [
  { because: "the instance is too long", request: { instanceId: long }, fields: ["instance_id"] },
  {
    because: "the interval is negative",
    request: { intervalSeconds: -1 },
    fields: ["interval_seconds"],
  },
  {
    because: "it is too large",
    request: { intervalSeconds: 3_601 },
    fields: ["interval_seconds"],
  },
];

/** Both of uploads and chats. */
const messages: Case<MessageInit>[] = [
  { because: "all is empty", request: {}, fields: ["user", "room"] },
  {
    because: "all is too long",
    request: { id: long, user: long, content: "x", room: long, idempotencyKey: long, epoch: long },
    fields: ["id", "user", "room", "idempotency_key", "epoch"],
  },
  ...forbiddenNames,
  { because: "the id has two lines", request: { ...message, id: "a\nb" }, fields: ["id"] },
  { because: "the content is empty", request: { ...message, content: "" }, fields: ["content"] },
  {
    because: "the content is too long",
    request: { ...message, content: tooMuchText },
    fields: ["content"],
  },
  ...[
    { timestamp: { seconds: -62_135_596_801n }, fields: ["timestamp.seconds"] },
    { timestamp: { seconds: 253_402_300_800n }, fields: ["timestamp.seconds"] },
    { timestamp: { nanos: -1 }, fields: ["timestamp.nanos"] },
    {
      timestamp: { seconds: 2n ** 62n, nanos: 1_000_000_000 },
      fields: ["timestamp.seconds", "timestamp.nanos"],
    },
  ].map(({ timestamp, fields }) => ({
    because: `its timestamp is ${timestamp.seconds ?? 0} s and ${timestamp.nanos ?? 0} ns`,
    request: { ...message, timestamp },
    fields,
  })),
  {
    because: "it is the server's to send",
    request: { ...message, type: MessageType.SYSTEM },
    fields: ["type"],
  },
  {
    because: "the type is unknown",
    request: { ...message, type: 7 as MessageType },
    fields: ["type"],
  },
];

const uploads: Case<MessageInit>[] = [
  ...messages,
  ...[MessageType.JOIN, MessageType.LEAVE].map((type) => ({
    because: `its type is ${type}`,
    request: { ...message, type },
    fields: ["type"],
  })),
];

const chats: Case<MessageInit>[] = [
  ...messages,
  {
    because: "a position to join after has no epoch",
    request: { ...message, type: MessageType.JOIN, sequence: 1n },
    fields: ["epoch"],
  },
];

/** Shows that a call is refused, with each of the fields and a reason for it. */
async function assertViolations(call: Promise<unknown>, fields: readonly string[]) {
  const error = await call.then(
    () => assert.fail("was not refused"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof ConnectError, String(error));
  assert.equal(error.code, Code.InvalidArgument, String(error));
  const violations = error.findDetails(BadRequestSchema).flatMap((one) => one.fieldViolations);
  assert.deepEqual(violations.map(({ field }) => field).sort(), [...fields].sort());
  for (const { field, description } of violations) {
    assert.ok(error.rawMessage.includes(`${field}: ${description}`), error.rawMessage);
  }
}

async function* each<T>(...items: T[]) {
  yield* items;
}

const server = suiteServer();

for (const [protocol, createTransport] of Object.entries(factories)) {
  for (const httpVersion of protocol === "gRPC" ? (["2"] as const) : (["1.1", "2"] as const)) {
    const name = `${protocol} over HTTP/${httpVersion}`;
    suite(name, () => {
      const connect = (): ChatClient => {
        // By default a session of Node's takes 10 MB, what waits to be sent included.
        const nodeOptions = httpVersion === "2" ? { maxSessionMemory: 1_000 } : {};
        const transport = createTransport({ baseUrl: server().url, httpVersion, nodeOptions });
        return createClient(ChatService, transport);
      };
      /** In JSON all that is stored has to be written out. */
      const readAsJson = (room: string) => {
        const transport = createTransport({
          baseUrl: server().url,
          httpVersion,
          useBinaryFormat: false,
        });
        return createClient(ChatService, transport).listMessages({ room, pageSize: 1_000 });
      };
      let client: ChatClient;
      const table = <Init>(
        method: string,
        cases: readonly Case<Init>[],
        call: (request: Init) => Promise<unknown>,
      ) => {
        for (const { because, request, fields } of cases) {
          test(`${method} is refused when ${because}`, async () => {
            client = connect();
            await assertViolations(call(request), fields);
          });
        }
      };

      afterEach(async () => {
        for (const one of [client, connect()]) {
          const { messageId } = await one.sendMessage({ ...message, room: name });
          assert.notEqual(messageId, "", "the same client and others are served as ever");
        }
      });

      table("SendMessage", sends, (request) => client.sendMessage(request));
      table("SubscribeMessages", subscriptions, async (request) => {
        using stream = openStream((options) => client.subscribeMessages(request, options));
        await stream.next();
      });
      table("ListMessages", pages, (request) => client.listMessages(request));
      table("ListRooms", roomPages, (request) => client.listRooms(request));
      table("StreamMetrics", measurements, async (request) => {
        using stream = openStream((options) => client.streamMetrics(request, options));
        await stream.next();
      });
      table("UploadMessages", uploads, (request) =>
        client.uploadMessages(each<MessageInit>(message, request)),
      );
      if (httpVersion === "2") {
        table("Chat", chats, async (request) => {
          const input = createWritableIterable<MessageInit>();
          using output = openStream((options) => client.chat(input, options));
          void input.write(message);
          assert.equal((await output.next()).id, "echo_");
          input.write(request).catch(() => {});
          await output.next();
        });
      }

      test("what is just within the limits is taken", async () => {
        client = connect();
        const room = protocol.padEnd(127, "é") + (httpVersion === "2" ? "2" : "1");
        const taken = { room, user: atMost, content: "é", idempotencyKey: atMost };
        await client.sendMessage(taken);
        await client.uploadMessages(each({ ...taken, id: atMost, epoch: atMost }));
        const years = [
          { seconds: -62_135_596_800n },
          { seconds: 253_402_300_799n, nanos: 999_999_999 },
        ];
        await client.uploadMessages(
          each(...years.map((timestamp) => ({ ...taken, idempotencyKey: "", timestamp }))),
        );
        const { messages, hasMore } = await readAsJson(room);
        assert.equal(messages.length, 3);
        assert.equal(messages[0]?.user, atMost);
        assert.equal(hasMore, false);
        for (const heartbeat of [{ nanos: 10_000_000 }, { seconds: 3_600n }]) {
          using stream = openStream((options) =>
            client.subscribeMessages({ room, user: atMost, heartbeat }, options),
          );
          assert.equal((await stream.next()).id, "system");
        }
        await client.listRooms({ pageSize: 1_000, pageToken: "x".repeat(1_024) });
      });
    });
  }
}
