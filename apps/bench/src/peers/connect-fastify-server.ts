import { create } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import { fastifyConnectPlugin } from "@connectrpc/connect-fastify";
import { ChatService, type Message, MessageSchema, MessageType } from "@parley/proto/chat/v1";
import { fastify } from "fastify";
import { createQueue, type Queue } from "./queue.ts";

// The chat service as one writes it with Connect's plugin for Fastify: rooms in memory, a
// queue for each subscriber, which its generator empties. Slow ones are queued for,
// without a limit.

const aliveIntervalMs = 5_000;
const rooms = new Map<string, Set<Queue<Message>>>();
let lastId = 0;

function routes(router: ConnectRouter): void {
  router.service(ChatService, {
    sendMessage({ user, content, room }) {
      const message = create(MessageSchema, {
        id: `msg_${++lastId}`,
        user,
        content,
        room,
        timestamp: timestampNow(),
      });
      broadcast(message);
      return { messageId: message.id, timestamp: message.timestamp as Timestamp };
    },

    async *subscribeMessages({ room, user }, { signal }) {
      const queue = createQueue<Message>(signal);
      const queues = rooms.get(room) ?? new Set();
      rooms.set(room, queues.add(queue));
      try {
        const content = `Welcome to room ${room}, ${user}!`;
        const type = MessageType.SYSTEM;
        yield { id: "system", user: "System", content, room, timestamp: timestampNow(), type };
        yield* queue;
      } finally {
        queues.delete(queue);
      }
    },

    async uploadMessages(messages) {
      let messageCount = 0;
      for await (const message of messages) {
        messageCount++;
        broadcast(message);
      }
      return { messageCount, success: true };
    },

    async *chat(messages, { signal }) {
      const queue = createQueue<Message>(signal);
      const send = (id: string, content: string, room: string) => {
        const type = MessageType.SYSTEM;
        const timestamp = timestampNow();
        queue.push(create(MessageSchema, { id, user: "Server", content, room, timestamp, type }));
      };
      const alive = setInterval(
        () => send(`server_${Math.floor(Date.now() / 1_000)}`, "Server is alive!", ""),
        aliveIntervalMs,
      );
      const read = async () => {
        for await (const message of messages) {
          send(`echo_${message.id}`, `Echo: ${message.content}`, message.room);
          broadcast(message);
        }
      };
      read().then(queue.end, queue.end);
      try {
        yield* queue;
      } finally {
        clearInterval(alive);
      }
    },
  });
}

type Timestamp = ReturnType<typeof timestampNow>;

function broadcast(message: Message): void {
  for (const queue of rooms.get(message.room) ?? []) {
    queue.push(message);
  }
}

const app = fastify({ http2: true });
await app.register(fastifyConnectPlugin, { routes });
await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
