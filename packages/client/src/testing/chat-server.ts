import { create } from "@bufbuild/protobuf";
import {
  createRouterTransport,
  type HandlerContext,
  type ServiceImpl,
  type Transport,
} from "@connectrpc/connect";
import { ChatService, type Message, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import { chat, epoch, type MessageInit } from "./scripted-server.ts";

/** What the server does with one Chat stream. */
export type ChatScript = (stream: ScriptedChat) => AsyncIterable<MessageInit>;

/** One Chat stream, as its script sees it. */
export interface ScriptedChat {
  /** The next message of the client. */
  next(): Promise<Message>;
  /** Never resolves before the client goes away. */
  readonly left: Promise<void>;
}

export interface ChatServer {
  readonly transport: Transport;
  readonly streamCount: number;
}

/** A server in memory whose n-th Chat stream follows the n-th script, and then the last one. */
export function chatServer(
  scripts: readonly ChatScript[],
  others: Partial<ServiceImpl<typeof ChatService>> = {},
): ChatServer {
  let streamCount = 0;
  const transport = createRouterTransport(({ service }) => {
    service(ChatService, {
      ...others,
      async *chat(requests: AsyncIterable<Message>, { signal }: HandlerContext) {
        const script = scripts[Math.min(streamCount, scripts.length - 1)] as ChatScript;
        streamCount++;
        const messages = requests[Symbol.asyncIterator]();
        const left = new Promise<void>((resolve) => {
          signal.addEventListener("abort", () => resolve());
        });
        yield* script({ left, next: async () => (await messages.next()).value as Message });
      },
    });
  });
  return {
    transport,
    get streamCount() {
      return streamCount;
    },
  };
}

/** What answers a JOIN: its echo, and the welcome at the position asked for, or at this one. */
export function joined(join: Message, sequence: bigint | number = join.sequence): Message[] {
  const { room } = join;
  return [
    echoed(join, Number(sequence)),
    systemMessage({ id: "system", room, sequence: BigInt(sequence), epoch }),
  ];
}

/** What acknowledges a message that was sent. */
export function echoed({ id, room }: Message, sequence: number): Message {
  return systemMessage({ id: `echo_${id}`, room, sequence: BigInt(sequence) });
}

/** A message of a room. */
export function said(room: string, sequence: number): Message {
  return { ...chat(sequence), room };
}

/** The sign of life that the server sends every 5 seconds. */
export function alive(): Message {
  return systemMessage({ id: "server_1", content: "Server is alive!" });
}

function systemMessage(init: MessageInit): Message {
  return create(MessageSchema, {
    user: "Server",
    type: MessageType.SYSTEM,
    ...(init as object),
  });
}
