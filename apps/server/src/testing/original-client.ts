import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import {
  type ChannelCredentials,
  type ClientDuplexStream,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  loadPackageDefinition,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

export interface Timestamp {
  readonly seconds: string;
  readonly nanos: number;
}

export interface Message {
  readonly id: string;
  readonly user: string;
  readonly content: string;
  readonly room: string;
  readonly timestamp: Timestamp;
  readonly type: "CHAT" | "JOIN" | "LEAVE" | "SYSTEM";
}

export interface Metric {
  readonly name: string;
  readonly value: number;
  readonly timestamp: Timestamp;
  readonly labels: Record<string, string>;
}

interface SendMessageResponse {
  readonly message_id: string;
  readonly timestamp: Timestamp;
}

interface UploadResponse {
  readonly message_count: number;
  readonly success: boolean;
}

type Callback<T> = (error: ServiceError | null, response: T) => void;

/** What grpc-js makes of the original contract. */
interface GeneratedClient {
  SendMessage(request: object, callback: Callback<SendMessageResponse>): void;
  SubscribeMessages(request: object): ClientReadableStream<Message>;
  UploadMessages(callback: Callback<UploadResponse>): ClientWritableStream<object>;
  Chat(): ClientDuplexStream<object, Message>;
  StreamMetrics(request: object): ClientReadableStream<Metric>;
  close(): void;
}

interface GeneratedPackage {
  readonly chat: {
    readonly ChatService: new (address: string, channel: ChannelCredentials) => GeneratedClient;
  };
}

/** A stream of responses. */
export interface Responses<T> {
  next(): Promise<T>;
  /** Resolves where the stream ends without an error and without another message. */
  end(): Promise<void>;
}

/** A grpc-js client generated from the original contract. */
export interface OriginalClient {
  send(request: object): Promise<SendMessageResponse>;
  subscribe(request: object): Responses<Message>;
  upload(messages: readonly object[]): Promise<UploadResponse>;
  chat(): {
    readonly call: ClientDuplexStream<object, Message>;
    readonly responses: Responses<Message>;
  };
  metrics(request: object): Responses<Metric>;
}

const contract = fileURLToPath(
  new URL("../../../../packages/proto/fixtures/original/chat.proto", import.meta.url),
);
const loaded = loadSync(contract, { keepCase: true, longs: String, enums: String, defaults: true });
const { chat } = loadPackageDefinition(loaded) as unknown as GeneratedPackage;

/** Makes a client; its calls that are open after the test are cancelled then. */
export function createOriginalClient(t: TestContext, url: string): OriginalClient {
  const client = new chat.ChatService(new URL(url).host, credentials.createInsecure());
  t.after(() => client.close());
  return {
    send: (request) => settled((callback) => client.SendMessage(request, callback)),
    subscribe: (request) => read(t, client.SubscribeMessages(request)),
    upload: (messages) =>
      settled((callback) => {
        const call = client.UploadMessages(callback);
        for (const message of messages) {
          call.write(message);
        }
        call.end();
      }),
    chat() {
      const call = client.Chat();
      return { call, responses: read(t, call) };
    },
    metrics: (request) => read(t, client.StreamMetrics(request)),
  };
}

function settled<T>(call: (callback: Callback<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, response) => (error ? reject(error) : resolve(response)));
  });
}

function read<T>(t: TestContext, call: ClientReadableStream<T>): Responses<T> {
  const messages = call[Symbol.asyncIterator]();
  t.after(() => {
    // What the cancellation ends with.
    call.on("error", () => {});
    call.cancel();
  });
  return {
    async next() {
      const { done, value } = await messages.next();
      assert.ok(!done, "the stream ended");
      return value;
    },
    async end() {
      assert.equal((await messages.next()).done, true);
    },
  };
}
