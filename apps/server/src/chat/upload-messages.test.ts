import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { createHost } from "@parley/host";
import { ChatService, type MessageSchema, MessageType } from "@parley/proto/chat/v1";
import { BadRequestSchema } from "@parley/proto/google/rpc/error_details";
import { MessageLogError } from "../log/message-log.ts";
import { openChatContext, withParts } from "../testing/chat-context.ts";
import type { ChatContext } from "./chat-context.ts";
import { createChatService } from "./chat-service.ts";
import { createMessageValidator } from "./message-validator.ts";

type MessageInit = MessageInitShape<typeof MessageSchema>;

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** The service behind a host that holds messages to their rules. */
async function startServer(
  t: TestContext,
  leanPath: boolean,
  options: Parameters<typeof openChatContext>[1] = {},
) {
  const context = await openChatContext(t, options);
  const host = createHost({
    routes: (router) => router.service(ChatService, createChatService(context)),
    validate: createMessageValidator(),
    leanPath,
    logger: false,
    processEvents: false,
  });
  const baseUrl = await host.listen({ host: "127.0.0.1", port: 0 });
  t.after(() => host.close());
  const client = createClient(ChatService, createGrpcTransport({ baseUrl }));
  const send = (...inits: MessageInit[]) =>
    client.uploadMessages(
      each(inits.map((init) => ({ room: "room", user: "ada", content: "x", ...init }))),
    );
  return { context, send };
}

async function storedContents({ log }: ChatContext): Promise<number> {
  return (await log.extent("room")).messageCount;
}

for (const leanPath of [true, false]) {
  suite(`an upload ${leanPath ? "on" : "off"} the lean path`, () => {
    test("counts them", async (t) => {
      const { send } = await startServer(t, leanPath);
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
        const { context, send } = await startServer(t, leanPath);
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
  const { send } = await startServer(t, true, {
    wrap: (log) => withParts(log, { append: () => Promise.reject(full) }),
  });
  await assert.rejects(send({}, { user: "" }), { code: Code.ResourceExhausted });
});
