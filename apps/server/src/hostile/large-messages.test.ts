import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { type Client, Code, createClient } from "@connectrpc/connect";
import { createWritableIterable } from "@connectrpc/connect/protocol";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import {
  type ClientDuplexStream,
  type ClientWritableStream,
  credentials,
  type Metadata,
  makeGenericClientConstructor,
  type ServiceError,
} from "@grpc/grpc-js";
import { load } from "@grpc/proto-loader";
import { ChatService } from "@parley/proto/chat/v1";
import { openStream } from "../testing/open-stream.ts";
import { codeOf, envelope, rawClients } from "../testing/raw-request.ts";
import { suiteServer } from "../testing/suite-server.ts";

/** The most that the contract allows content to be, in bytes. */
const largestContentBytes = 10 * 1024 * 1024 - 4 * 1024;
const largest = "x".repeat(largestContentBytes);
/** Over what a message may be on the wire. */
const tooLarge = "x".repeat(11 * 1024 * 1024);

const factories = {
  gRPC: createGrpcTransport,
  "gRPC-Web": createGrpcWebTransport,
  Connect: createConnectTransport,
};
const ways = (["1.1", "2"] as const).flatMap((httpVersion) =>
  (["gRPC", "gRPC-Web", "Connect"] as const)
    .filter((protocol) => protocol !== "gRPC" || httpVersion === "2")
    .map((protocol) => ({ protocol, httpVersion })),
);
type Way = (typeof ways)[number];
type ChatClient = Client<typeof ChatService>;

const exhausted = { code: Code.ResourceExhausted };
/** What is refused must not hold up what follows it. */
const promptly = { timeoutMs: 5_000 };

const server = suiteServer();

/** A client with a connection of its own. */
function createChat(t: TestContext, { protocol, httpVersion }: Way): ChatClient {
  const baseUrl = server().url;
  // By default a session of Node's takes 10 MB, what waits to be sent included.
  const sessionManager = new Http2SessionManager(baseUrl, {}, { maxSessionMemory: 1_000 });
  t.after(() => sessionManager.abort());
  return createClient(
    ChatService,
    factories[protocol]({ baseUrl, httpVersion, ...(httpVersion === "2" && { sessionManager }) }),
  );
}

async function* each<T>(...items: T[]) {
  yield* items;
}

/** Shows that a client, and another one, are served as ever. */
async function assertServed(t: TestContext, client: ChatClient, way: Way) {
  const message = { room: "small", user: "ada", content: "hello" };
  for (const one of [client, createChat(t, way)]) {
    const { messageId } = await one.sendMessage(message, promptly);
    assert.notEqual(messageId, "");
  }
}

for (const way of ways) {
  const name = `${way.protocol} over HTTP/${way.httpVersion}`;
  suite(name, () => {
    test("the largest content is sent, received and listed", async (t) => {
      const client = createChat(t, way);
      using messages = openStream((options) =>
        client.subscribeMessages({ room: name, user: "ada" }, options),
      );
      await messages.next();
      const message = { room: name, user: "ada" };
      await client.sendMessage({ ...message, content: largest });
      const uploaded = `y${largest.slice(1)}`;
      await client.uploadMessages(each({ ...message, content: uploaded }));
      for (const content of [largest, uploaded]) {
        assert.ok((await messages.next()).content === content);
      }
      const { messages: listed, hasMore } = await client.listMessages({ room: name });
      assert.equal(listed.length, 1, "a page is as small as it can be");
      assert.ok(listed[0]?.content === uploaded);
      assert.ok(hasMore);
    });

    test("one byte more breaks the rule for content", async (t) => {
      const client = createChat(t, way);
      const message = { room: name, user: "ada", content: `${largest}x` };
      await assert.rejects(client.sendMessage(message), { code: Code.InvalidArgument });
      await assertServed(t, client, way);
    });

    const message = { room: name, user: "ada", content: tooLarge };
    const calls: Record<string, (client: ChatClient) => Promise<unknown>> = {
      SendMessage: (client) => client.sendMessage(message, promptly),
      UploadMessages: (client) => client.uploadMessages(each(message), promptly),
      "UploadMessages after others": (client) =>
        client.uploadMessages(each({ ...message, content: "small" }, message), promptly),
    };
    if (way.httpVersion === "2") {
      calls.Chat = async (client) => {
        const input = createWritableIterable<typeof message>();
        using output = openStream((options) => client.chat(input, options));
        input.write({ ...message, content: "small" }).catch(() => {});
        assert.equal((await output.next()).content, "Echo: small");
        input.write(message).catch(() => {});
        await output.next();
      };
    }
    for (const [method, call] of Object.entries(calls)) {
      test(`${method} refuses a message over 10 MiB`, async (t) => {
        const client = createChat(t, way);
        for (let count = 0; count < 2; count++) {
          await assert.rejects(call(client), exhausted);
          await assertServed(t, client, way);
        }
      });
    }
  });
}

test("Chat takes the largest content", async (t) => {
  const client = createChat(t, { protocol: "gRPC", httpVersion: "2" });
  const input = createWritableIterable<{ room: string; user: string; content: string }>();
  using output = openStream((options) => client.chat(input, options));
  void input.write({ room: "chat", user: "ada", content: largest });
  assert.ok((await output.next()).content === `Echo: ${largest}`);
});

suite("raw clients", () => {
  const json = Buffer.from(JSON.stringify({ room: "raw", user: "ada", content: tooLarge }));
  const lengths = {
    "with its length": { "content-length": String(json.length) },
    "of unknown length": {},
  };
  const calls: [type: string, method: string, body: Buffer][] = [
    ["application/json", "SendMessage", json],
    ["application/connect+json", "UploadMessages", envelope(json)],
    ["application/grpc-web+json", "SendMessage", envelope(json)],
    ["application/grpc-web+json", "UploadMessages", envelope(json)],
    ["application/grpc+json", "SendMessage", envelope(json)],
  ];
  for (const httpVersion of ["1.1", "2"] as const) {
    for (const [type, method, body] of calls) {
      for (const [length, headers] of Object.entries(lengths)) {
        test(`${method}, ${type}, HTTP/${httpVersion}, ${length}`, async () => {
          using client = rawClients[httpVersion](server().url);
          const path = (name: string) => `/chat.v1.ChatService/${name}`;
          const common = {
            "content-type": type,
            te: "trailers",
            ...("content-length" in headers && { "content-length": String(body.length) }),
          };
          const refused = await client.request({ path: path(method), headers: common, body });
          assert.equal(codeOf(refused), Code.ResourceExhausted, refused.body.toString());
          const next = await client.request({
            path: path("ListRooms"),
            headers: { "content-type": "application/json" },
            body: Buffer.from("{}"),
          });
          assert.equal(next.status, 200);
        });
      }
    }
  }
});

suite("grpc-js", () => {
  interface Message {
    readonly content: string;
  }
  type Callback = (error: ServiceError | null, response?: { sequence?: string }) => void;
  interface GrpcClient {
    close(): void;
    sendMessage(request: object, callback: Callback): void;
    uploadMessages(callback: Callback): ClientWritableStream<object>;
    chat(metadata?: Metadata): ClientDuplexStream<object, Message>;
    subscribeMessages(request: object): AsyncIterable<Message> & { cancel(): void };
  }

  async function connect(t: TestContext): Promise<GrpcClient> {
    const includeDirs = [new URL("../../../../proto", import.meta.url).pathname];
    const packages = await load("chat/v1/chat.proto", { includeDirs });
    const service = packages["chat.v1.ChatService"];
    const Constructor = makeGenericClientConstructor(service as never, "ChatService");
    const options = { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 };
    const { host } = new URL(server().url);
    const client = new Constructor(host, credentials.createInsecure(), options);
    t.after(() => client.close());
    return client as unknown as GrpcClient;
  }

  const message = { room: "grpc-js", user: "ada" };

  function send(client: GrpcClient, content: string) {
    return new Promise<unknown>((resolve, reject) => {
      client.sendMessage({ ...message, content }, (error, response) =>
        error ? reject(error) : resolve(response),
      );
    });
  }

  const calls: Record<string, (client: GrpcClient) => Promise<unknown>> = {
    SendMessage: (client) => send(client, tooLarge),
    UploadMessages: (client) =>
      new Promise((resolve, reject) => {
        const upload = client.uploadMessages((error, response) =>
          error ? reject(error) : resolve(response),
        );
        upload.write({ ...message, content: "small" });
        upload.write({ ...message, content: tooLarge });
      }),
    async Chat(client) {
      const chat = client.chat();
      chat.write({ ...message, content: "small" });
      for await (const { content } of chat) {
        assert.equal(content, "Echo: small");
        chat.write({ ...message, content: tooLarge });
      }
    },
  };
  for (const [method, call] of Object.entries(calls)) {
    test(`${method} refuses a message over 10 MiB`, async (t) => {
      const client = await connect(t);
      await assert.rejects(call(client), exhausted);
      await send(client, "small");
    });
  }

  test("the largest content is sent and received", async (t) => {
    const client = await connect(t);
    const room = "grpc-js large";
    const subscription = client.subscribeMessages({ room, user: "ada", after: {} });
    await send(client, "small");
    await new Promise<void>((resolve, reject) => {
      client.sendMessage({ room, user: "ada", content: largest }, (error) =>
        error ? reject(error) : resolve(),
      );
    });
    const contents: string[] = [];
    for await (const { content } of subscription) {
      contents.push(content);
      if (contents.length === 2) {
        break;
      }
    }
    assert.ok(contents[1] === largest);
  });
});
