import { fileURLToPath } from "node:url";
import {
  loadPackageDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceClientConstructor,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

// The chat service as one writes it with grpc-js: rooms in memory, a write for each
// subscriber. A subscriber that is slow is buffered for, without a limit.

interface Message {
  readonly id?: string;
  readonly user: string;
  readonly content: string;
  readonly room: string;
  readonly timestamp?: { readonly seconds: number; readonly nanos: number };
  readonly type?: string;
}

type Subscription = ServerWritableStream<{ room: string; user: string }, Message>;

const protoFolder = fileURLToPath(new URL("../../../../proto", import.meta.url));
const definition = loadSync("chat/v1/chat.proto", {
  includeDirs: [protoFolder],
  keepCase: true,
  longs: String,
  enums: String,
});
const loaded = loadPackageDefinition(definition) as unknown as {
  readonly chat: { readonly v1: { readonly ChatService: ServiceClientConstructor } };
};

const aliveIntervalMs = 5_000;
const rooms = new Map<string, Set<Subscription>>();
let lastId = 0;

const server = new Server({
  "grpc.max_concurrent_streams": 1_000,
  "grpc.max_receive_message_length": 10 * 1024 ** 2,
  "grpc.max_send_message_length": 10 * 1024 ** 2,
});
server.addService(loaded.chat.v1.ChatService.service, {
  SendMessage(call: ServerUnaryCall<Message, unknown>, answer: sendUnaryData<unknown>) {
    const { user, content, room } = call.request;
    const message = { id: `msg_${++lastId}`, user, content, room, timestamp: now(), type: "CHAT" };
    broadcast(message);
    answer(null, { message_id: message.id, timestamp: message.timestamp });
  },

  SubscribeMessages(call: Subscription) {
    const { room, user } = call.request;
    const subscriptions = rooms.get(room) ?? new Set();
    rooms.set(room, subscriptions.add(call));
    call.on("close", () => subscriptions.delete(call));
    call.on("error", () => subscriptions.delete(call));
    call.write({
      id: "system",
      user: "System",
      content: `Welcome to room ${room}, ${user}!`,
      room,
      timestamp: now(),
      type: "SYSTEM",
    });
  },

  UploadMessages(call: ServerReadableStream<Message, unknown>, answer: sendUnaryData<unknown>) {
    let count = 0;
    call.on("data", (message: Message) => {
      count++;
      broadcast(message);
    });
    call.on("end", () => answer(null, { message_count: count, success: true }));
    call.on("error", () => {});
  },

  Chat(call: ServerDuplexStream<Message, Message>) {
    const alive = setInterval(() => {
      const content = "Server is alive!";
      const id = `server_${Math.floor(Date.now() / 1_000)}`;
      call.write({ id, user: "Server", content, room: "", timestamp: now(), type: "SYSTEM" });
    }, aliveIntervalMs);
    call.on("data", (message: Message) => {
      call.write({
        id: `echo_${message.id}`,
        user: "Server",
        content: `Echo: ${message.content}`,
        room: message.room,
        timestamp: now(),
        type: "SYSTEM",
      });
      broadcast(message);
    });
    call.on("end", () => call.end());
    call.on("close", () => clearInterval(alive));
    call.on("error", () => clearInterval(alive));
  },
});

server.bindAsync(
  `127.0.0.1:${process.env.PORT}`,
  ServerCredentials.createInsecure(),
  (error: Error | null) => {
    if (error) {
      throw error;
    }
  },
);

function broadcast(message: Message): void {
  for (const subscription of rooms.get(message.room) ?? []) {
    subscription.write(message);
  }
}

function now(): { seconds: number; nanos: number } {
  const ms = Date.now();
  return { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 };
}
