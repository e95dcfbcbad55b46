import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { hostname } from "node:os";
import { suite, test } from "node:test";
import { promisify } from "node:util";
import { needsTools } from "@parley/testing/tools";
import { type JsonProgram, startJsonProgram } from "../testing/json-program.ts";
import { suiteServer } from "../testing/suite-server.ts";

const run = promisify(execFile);

/** A client that has no schema but what the server tells it by reflection. */
interface ReflectionClient {
  readonly name: string;
  readonly tool: string;
  readonly args: (url: string, path: string) => readonly string[];
}

const clients: ReflectionClient[] = [
  {
    name: "grpcurl",
    tool: "grpcurl",
    args: (url, path) => ["-plaintext", "-d", "@", new URL(url).host, path],
  },
  ...["grpc", "grpcweb", "connect"].map((protocol) => ({
    name: `buf curl, ${protocol}`,
    tool: "buf",
    args: (url: string, path: string) => [
      ...["curl", "--http2-prior-knowledge", "--protocol", protocol],
      ...["--data", "@-", `${url}/${path}`],
    ],
  })),
];

const service = "chat.v1.ChatService";

for (const { name, tool, args } of clients) {
  suite(name, { ...needsTools(tool), concurrency: true }, () => {
    const server = suiteServer();
    const start = (method: string) =>
      startJsonProgram(tool, args(server().url, `${service}/${method}`));
    /** Calls with these messages and no more. */
    const call = (method: string, ...messages: object[]) => {
      const program = start(method);
      for (const message of messages) {
        program.write(message);
      }
      program.end();
      return program;
    };

    test("SendMessage", async () => {
      await using sending = call("SendMessage", { user: "ada", content: "é ✓", room: "sent" });
      const { messageId, sequence, timestamp } = await sending.next();
      assert.match(messageId, /^msg_\d+$/);
      assert.equal(sequence, "1");
      assert.ok(Date.parse(timestamp) <= Date.now());
      await endsWell(sending);
    });

    test("UploadMessages, ListMessages and ListRooms", async () => {
      const messages = ["1", "2", "3"].map((content) => ({
        user: "ada",
        content,
        room: "uploaded",
      }));
      await using uploading = call("UploadMessages", ...messages);
      assert.deepEqual(await uploading.next(), { messageCount: 3, success: true });
      await endsWell(uploading);

      await using listing = call("ListMessages", { room: "uploaded", pageSize: 2 });
      const page = await listing.next();
      assert.deepEqual(contents(page.messages), ["2", "3"]);
      assert.equal(page.hasMore, true);
      assert.equal(page.head.sequence, "3");
      await endsWell(listing);

      await using browsing = call("ListRooms", { pageSize: 1000 });
      const { rooms } = await browsing.next();
      const room = rooms.find((one: { name: string }) => one.name === "uploaded");
      assert.equal(room?.messageCount, "3");
      assert.deepEqual(room?.head, page.head);
      await endsWell(browsing);
    });

    test("SubscribeMessages", async () => {
      const room = "subscribed";
      await using first = call("SendMessage", { user: "bob", content: "before", room });
      await endsWell(first);
      await using subscription = call("SubscribeMessages", { user: "ada", room, after: {} });
      const welcome = await subscription.next();
      assert.equal(welcome.id, "system");
      assert.equal(welcome.type, "SYSTEM");
      assert.equal(welcome.content, `Welcome to room ${room}, ada!`);
      assert.equal((await subscription.next()).content, "before");
      await using second = call("SendMessage", { user: "bob", content: "after", room });
      const { messageId } = await second.next();
      const received = await subscription.next();
      assert.deepEqual([received.id, received.content], [messageId, "after"]);
    });

    test("Chat", async () => {
      await using chat = start("Chat");
      chat.write({ id: "1", user: "ada", room: "chat", content: "hello" });
      const echo = await chat.next();
      assert.equal(echo.id, "echo_1");
      assert.equal(echo.user, "Server");
      assert.equal(echo.content, "Echo: hello");
      // Typed in only now: both directions are open at once.
      chat.write({ id: "2", user: "ada", room: "chat", type: "JOIN" });
      assert.equal((await chat.next()).id, "echo_2");
      assert.equal((await chat.next()).content, "Welcome to room chat, ada!");
      chat.write({ id: "3", user: "ada", room: "chat", type: "LEAVE" });
      chat.end();
      for (let id = ""; id !== "echo_3"; ) {
        ({ id } = await chat.next());
      }
      await endsWell(chat);
    });

    test("StreamMetrics", async () => {
      await using metrics = call("StreamMetrics", { instanceId: "one", intervalSeconds: 1 });
      const { name: metric, labels, timestamp } = await metrics.next();
      assert.equal(metric, "cpu_usage");
      assert.deepEqual(labels, { instance: hostname(), core: "0" });
      assert.ok(Date.parse(timestamp) <= Date.now());
    });

    test("a refused call", async () => {
      await using sending = call("SendMessage", { content: "from nobody", room: "refused" });
      const { code, complaint } = await sending.result();
      assert.notEqual(code, 0);
      assert.match(complaint, /invalid_?argument/i);
      assert.match(complaint, /BadRequest/);
      assert.match(complaint, /user: must be at least 1 characters/);
    });
  });
}

suite("grpcurl, the standard services", needsTools("grpcurl"), () => {
  const server = suiteServer();
  const grpcurl = async (before: string[], ...after: string[]) => {
    const { host } = new URL(server().url);
    return (await run("grpcurl", ["-plaintext", ...before, host, ...after])).stdout;
  };

  test("list", async () => {
    assert.deepEqual((await grpcurl([], "list")).trim().split("\n"), [
      service,
      "grpc.health.v1.Health",
      "grpc.reflection.v1.ServerReflection",
      "grpc.reflection.v1alpha.ServerReflection",
    ]);
  });

  const descriptions: [symbol: string, text: RegExp][] = [
    [
      service,
      /rpc Chat \( stream \.chat\.v1\.Message \) returns \( stream \.chat\.v1\.Message \);/,
    ],
    ["chat.v1.Message", /\.google\.protobuf\.Timestamp timestamp = 5;/],
    ["chat.v1.MessageType", /SYSTEM = 3;/],
    ["chat.v1.ListMessagesRequest", /oneof cursor \{/],
  ];
  for (const [symbol, text] of descriptions) {
    test(`describe ${symbol}`, async () => {
      assert.match(await grpcurl([], "describe", symbol), text);
    });
  }

  for (const name of ["", service, "chat.ChatService"]) {
    test(`the health of "${name}"`, async () => {
      const data = JSON.stringify({ service: name });
      const answer = await grpcurl(["-d", data], "grpc.health.v1.Health/Check");
      assert.deepEqual(JSON.parse(answer), { status: "SERVING" });
    });
  }

  test("the health of a service that is not there", async () => {
    await assert.rejects(
      grpcurl(["-d", '{"service":"none"}'], "grpc.health.v1.Health/Check"),
      ({ stderr }) => /Code: NotFound/.test(stderr),
    );
  });
});

function contents(messages: { content: string }[]): string[] {
  return messages.map(({ content }) => content);
}

async function endsWell(program: JsonProgram): Promise<void> {
  assert.deepEqual(await program.result(), { code: 0, complaint: "" });
}
