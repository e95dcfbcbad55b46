import assert from "node:assert/strict";
import { test } from "node:test";
import { createRouterTransport, type ServiceImpl } from "@connectrpc/connect";
import { ChatService } from "@parley/proto/chat/v1";
import { type ChatMessage, createChatClient } from "../index.ts";
import { silence } from "../testing/scripted-server.ts";

function clientOf(service: Partial<ServiceImpl<typeof ChatService>>) {
  return createChatClient(createRouterTransport((router) => router.service(ChatService, service)));
}

const hello: ChatMessage = { id: "1", room: "lobby", user: "ada", content: "hello" };

test("each message of a chat is answered", async () => {
  const client = clientOf({
    async *chat(messages) {
      for await (const { id, content } of messages) {
        yield { id: `echo_${id}`, content: `Echo: ${content}` };
      }
    },
  });
  const echoes: string[] = [];
  for await (const { id } of client.chat([hello, { ...hello, id: "2" }])) {
    echoes.push(id);
  }
  assert.deepEqual(echoes, ["echo_1", "echo_2"]);
});

test("breaking out of a chat cancels it and closes its messages", async () => {
  const { promise: cancelled, resolve: onCancel } = Promise.withResolvers<void>();
  const client = clientOf({
    async *chat(_, context) {
      context.signal.addEventListener("abort", () => onCancel());
      yield hello;
      await silence(context);
    },
  });
  const { promise: closed, resolve: onClose } = Promise.withResolvers<void>();
  const messages: AsyncIterable<ChatMessage> = {
    [Symbol.asyncIterator]: () => ({
      next: () => new Promise(() => {}),
      return: async () => {
        onClose();
        return { done: true, value: undefined };
      },
    }),
  };
  for await (const { id } of client.chat(messages)) {
    assert.equal(id, "1");
    break;
  }
  await Promise.all([cancelled, closed]);
});

test("what the messages of a chat throw is what the chat throws", async () => {
  const client = clientOf({
    async *chat(messages) {
      yield* messages;
    },
  });
  const reason = new Error("keyboard unplugged");
  async function* messages() {
    yield hello;
    throw reason;
  }
  await assert.rejects(async () => {
    for await (const _ of client.chat(messages()));
  }, reason);
});
