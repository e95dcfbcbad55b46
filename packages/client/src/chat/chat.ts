import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import type { ChatService, Message, MessageSchema } from "@parley/proto/chat/v1";
import { callOptions, noDeadlineMs } from "../calls/call-options.ts";
import { createRequestSource } from "../calls/request-source.ts";
import { readServerStream } from "../streams/read-server-stream.ts";

/** A message for `ChatClient.chat`: of type CHAT, JOIN or LEAVE. */
export type ChatMessage = MessageInitShape<typeof MessageSchema>;

/** Chats over one stream, until either side ends it. */
export async function* chat(
  client: Client<typeof ChatService>,
  messages: Iterable<ChatMessage> | AsyncIterable<ChatMessage>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Message, undefined, undefined> {
  const source = createRequestSource(messages, (message) => message);
  try {
    yield* readServerStream(
      (inner) => client.chat(source, callOptions(inner, noDeadlineMs)),
      signal,
    );
  } catch (reason) {
    throw source.failure ? source.failure.reason : reason;
  } finally {
    source.close();
  }
}
