import { create } from "@bufbuild/protobuf";
import { batchesOf } from "@parley/host/frame-stream";
import {
  type Message,
  MessageType,
  type UploadResponse,
  UploadResponseSchema,
} from "@parley/proto/chat/v1";
import { AppendPipeline } from "../log/append-pipeline.ts";
import type { MessageLog } from "../log/message-log.ts";
import { toRecord } from "../log/payload.ts";
import { checkChatMessage } from "./check-chat-message.ts";
import { invalidMessage } from "./service-errors.ts";

/**
 * Appends the messages of one call of UploadMessages. Resolves, and rejects, when all messages
 * before its end, or before the one that broke a rule, are durable.
 *
 * @throws ConnectError INVALID_ARGUMENT for a message that breaks a rule, MessageLogError when
 * messages before it cannot be appended.
 */
export async function uploadMessages(
  log: MessageLog,
  messages: AsyncIterable<Message>,
): Promise<UploadResponse> {
  let index = 0;
  let messageCount = 0;
  let duplicateCount = 0;
  const appends = new AppendPipeline<undefined>(log, (_, { duplicate }) => {
    messageCount += 1;
    duplicateCount += duplicate ? 1 : 0;
  });
  try {
    for await (const batch of batchesOf(messages)) {
      for (const message of batch) {
        if (message.type !== MessageType.CHAT) {
          throw invalidMessage(index, { field: "type", description: "must be CHAT" });
        }
        checkChatMessage(message, index);
        const full = appends.push(toRecord(message, Date.now()), undefined);
        if (full) {
          await full;
        }
        index += 1;
      }
    }
  } finally {
    await appends.flush();
  }
  return create(UploadResponseSchema, { messageCount, success: true, duplicateCount });
}
