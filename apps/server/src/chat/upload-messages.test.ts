import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  createContextValues,
  type StreamRequest,
  type StreamResponse,
} from "@connectrpc/connect";
import { readBatches } from "@parley/host/frame-stream";
import {
  ChatService,
  type Message,
  MessageSchema,
  MessageType,
  type UploadResponse,
} from "@parley/proto/chat/v1";
import { BadRequestSchema } from "@parley/proto/google/rpc/error_details";
import { MessageLogError } from "../log/message-log.ts";
import { openChatContext, withParts } from "../testing/chat-context.ts";
import type { ChatContext } from "./chat-context.ts";
import { createChatService } from "./chat-service.ts";
import { createValidateInterceptor } from "./validate-interceptor.ts";

type MessageInit = MessageInitShape<typeof MessageSchema>;

/** How messages of a request arrive: one by one, or those of a chunk together. */
const arrivals = {
  "one by one": (messages: Message[]) => each(messages),
  together: (messages: Message[]) =>
    Object.assign(each(messages), { [readBatches]: () => each([messages]) }),
};

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** Uploads as a call does whose messages are validated. */
async function upload(context: ChatContext, messages: AsyncIterable<Message>) {
  const { uploadMessages } = createChatService(context);
  const request = {
    stream: true,
    service: ChatService,
    method: ChatService.method.uploadMessages,
    requestMethod: "POST",
    url: "",
    signal: new AbortController().signal,
    header: new Headers(),
    contextValues: createContextValues(),
    message: messages,
  } satisfies StreamRequest;
  let response: unknown;
  const next = createValidateInterceptor()(async ({ message }) => {
    response = await uploadMessages(message as AsyncIterable<Message>, request as never);
    return {} as StreamResponse;
  });
  await next(request);
  return response as UploadResponse;
}

function toMessages(inits: readonly MessageInit[]): Message[] {
  return inits.map((init) =>
    create(MessageSchema, { room: "room", user: "ada", content: "x", ...init }),
  );
}

async function storedContents({ log }: ChatContext): Promise<number> {
  return (await log.extent("room")).messageCount;
}

for (const [name, arrive] of Object.entries(arrivals)) {
  suite(`an upload whose messages arrive ${name}`, () => {
    const open = async (t: TestContext) => {
      const context = await openChatContext(t);
      return {
        context,
        send: (...inits: MessageInit[]) => upload(context, arrive(toMessages(inits))),
      };
    };

    test("counts them", async (t) => {
      const { send } = await open(t);
      const response = await send({}, { idempotencyKey: "k" }, { idempotencyKey: "k" });
      assert.deepEqual([response.messageCount, response.duplicateCount], [3, 1]);
    });

    for (const [field, wrong] of Object.entries({
      user: { user: "" },
      room: { room: "a\nb" },
      type: { type: MessageType.JOIN },
      content: { content: "" },
      "timestamp.nanos": { timestamp: { nanos: -1 } },
    } satisfies Record<string, MessageInit>)) {
      test(`keeps all before one whose ${field} breaks a rule, and tells which it is`, async (t) => {
        const { context, send } = await open(t);
        const error = await send({}, {}, wrong, {}).then(
          () => assert.fail("was not refused"),
          (thrown: unknown) => thrown,
        );
        assert.equal(await storedContents(context), 2, "on disk when the error is there");
        assert.ok(error instanceof ConnectError);
        assert.equal(error.code, Code.InvalidArgument);
        const [detail] = error.findDetails(BadRequestSchema);
        const [violation] = detail?.fieldViolations ?? [];
        assert.equal(violation?.field, field);
        assert.match(violation?.description ?? "", /^message 2: /);
      });
    }
  });
}

test("an upload that cannot be stored says so, whatever else is wrong with it", async (t) => {
  const full = new MessageLogError("full", "no space");
  const context = await openChatContext(t, {
    wrap: (log) => withParts(log, { append: () => Promise.reject(full) }),
  });
  await assert.rejects(upload(context, each(toMessages([{}, { user: "" }]))), {
    code: Code.ResourceExhausted,
  });
});
