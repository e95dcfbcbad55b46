import { create } from "@bufbuild/protobuf";
import { DurationSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ChatImplementation } from "./chat-server.ts";

/** Handlers of each kind that send back what they are sent, with its header x-question. */
export const echoHandlers: ChatImplementation = {
  sendMessage({ content }, { requestHeader, responseHeader, responseTrailer }) {
    responseHeader.set("x-answer", `${requestHeader.get("x-question")}!`);
    responseTrailer.set("x-end", "done");
    if (content === "error") {
      throw refusal();
    }
    return { messageId: content, sequence: BigInt(content.length) };
  },
  async *subscribeMessages({ room, user }, { requestHeader, responseHeader, responseTrailer }) {
    responseHeader.set("x-answer", `${requestHeader.get("x-question")}!`);
    responseTrailer.set("x-end", "done");
    for (let index = 0; index < Number(user); index++) {
      yield { content: `${room} ${index}` };
    }
    if (room === "error") {
      throw refusal();
    }
  },
  async uploadMessages(messages) {
    let messageCount = 0;
    for await (const _ of messages) {
      messageCount += 1;
    }
    return { messageCount, success: true };
  },
  async *chat(messages) {
    for await (const { content } of messages) {
      if (content === "error") {
        throw refusal();
      }
      yield { content };
    }
  },
  listMessages: ({ room }) => ({ messages: [{ content: room }] }),
};

function refusal(): ConnectError {
  return new ConnectError("höchstens zehn", Code.ResourceExhausted, { "x-reason": "because" }, [
    { desc: DurationSchema, value: create(DurationSchema, { seconds: 7n }) },
  ]);
}
