import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  createRouterTransport,
  type HandlerContext,
  type ServiceImpl,
  type Transport,
} from "@connectrpc/connect";
import {
  ChatService,
  type Message,
  MessageSchema,
  MessageType,
  type SubscribeRequest,
} from "@parley/proto/chat/v1";

export type MessageInit = MessageInitShape<typeof MessageSchema>;

/** What the server does with one stream of a subscription. */
export type StreamScript = (
  request: SubscribeRequest,
  context: HandlerContext,
) => AsyncIterable<MessageInit>;

export interface ScriptedServer {
  readonly transport: Transport;
  /** The requests of all streams so far. */
  readonly requests: readonly SubscribeRequest[];
}

/**
 * A server in memory whose n-th stream follows the n-th script, and from then on
 * the last one.
 */
export function scriptedServer(
  scripts: readonly StreamScript[],
  others: Partial<ServiceImpl<typeof ChatService>> = {},
): ScriptedServer {
  const requests: SubscribeRequest[] = [];
  const transport = createRouterTransport(({ service }) => {
    service(ChatService, {
      ...others,
      async *subscribeMessages(request, context) {
        const script = scripts[Math.min(requests.length, scripts.length - 1)] as StreamScript;
        requests.push(request);
        yield* script(request, context);
      },
    });
  });
  return { transport, requests };
}

export const epoch = "epoch-1";

/** The first message of a stream. */
export function welcome(sequence: bigint | number, of: string = epoch): Message {
  return serverMessage({ id: "system", sequence: BigInt(sequence), epoch: of });
}

export function heartbeat(sequence: bigint | number): Message {
  return serverMessage({ id: "heartbeat", sequence: BigInt(sequence) });
}

export function chat(sequence: bigint | number): Message {
  return create(MessageSchema, {
    id: `msg_${sequence}`,
    user: "ada",
    room: "lobby",
    content: `message ${sequence}`,
    type: MessageType.CHAT,
    sequence: BigInt(sequence),
  });
}

/** Never resolves before the stream's caller goes away. */
export function silence({ signal }: Pick<HandlerContext, "signal">): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener("abort", () => resolve());
  });
}

function serverMessage(init: MessageInit): Message {
  return create(MessageSchema, {
    user: "System",
    room: "lobby",
    type: MessageType.SYSTEM,
    ...(init as object),
  });
}
