import {
  createServer,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import {
  MessageSchema,
  SendMessageResponseSchema,
  UploadResponseSchema,
} from "@parley/proto/chat/v1";
import { EnvelopeCounter, envelope } from "../load/envelopes.ts";

// As little as a server in Node can do: it decodes nothing, has one room, and writes the
// bytes it receives to every subscriber as they are. No service could be faster on node:http2.

type Protocol = "grpc" | "grpc-web" | "connect";

const aliveIntervalMs = 5_000;
const subscribers = new Set<ServerHttp2Stream>();
const answer = toBinary(
  SendMessageResponseSchema,
  create(SendMessageResponseSchema, { messageId: "msg_1234567", timestamp: { seconds: 1n } }),
);
const answerEnvelope = envelope(answer);
const welcome = message("system", "Welcome!");
const alive = message("server_1", "Server is alive!");
const webTrailers = envelope(Buffer.from("grpc-status: 0\r\n"));
webTrailers[0] = 0x80;
const webAnswer = Buffer.concat([answerEnvelope, webTrailers]);

const server = createServer({
  settings: { maxConcurrentStreams: 1_000, initialWindowSize: 262_144 },
  maxSessionMemory: 1_000,
});
server.on("session", (session) => session.setLocalWindowSize(4 * 1024 ** 2));
server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
  stream.on("error", () => {});
  switch (headers[":path"]?.split("/").at(-1)) {
    case "SendMessage":
      return sendMessage(stream, headers);
    case "SubscribeMessages":
      return subscribeMessages(stream, headers);
    case "UploadMessages":
      return uploadMessages(stream, headers);
    case "Chat":
      return chat(stream, headers);
    default:
      return stream.respond({ ":status": 404 }, { endStream: true });
  }
});
server.listen(Number(process.env.PORT), "127.0.0.1");

function sendMessage(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("end", () => {
    if (subscribers.size > 0) {
      const body = Buffer.concat(chunks);
      broadcast(protocolOf(headers) === "connect" ? envelope(body) : body);
    }
    switch (respond(stream, headers)) {
      case "grpc":
        return stream.end(answerEnvelope);
      case "grpc-web":
        return stream.end(webAnswer);
      case "connect":
        return stream.end(answer);
    }
  });
}

function subscribeMessages(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  stream.resume();
  respond(stream, headers);
  stream.write(welcome);
  subscribers.add(stream);
  stream.on("close", () => subscribers.delete(stream));
}

function uploadMessages(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const counter = new EnvelopeCounter();
  const whole = createWholeEnvelopes();
  let messageCount = 0;
  stream.on("data", (chunk: Buffer) => {
    messageCount += counter.push(chunk);
    if (subscribers.size > 0) {
      broadcast(whole(chunk));
    }
  });
  stream.on("end", () => {
    respond(stream, headers);
    const response = create(UploadResponseSchema, { messageCount, success: true });
    stream.end(envelope(toBinary(UploadResponseSchema, response)));
  });
}

function chat(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  const whole = createWholeEnvelopes();
  respond(stream, headers);
  const timer = setInterval(() => stream.write(alive), aliveIntervalMs);
  stream.on("data", (chunk: Buffer) => {
    const bytes = whole(chunk);
    stream.write(bytes);
    broadcast(bytes);
  });
  stream.on("end", () => stream.end());
  stream.on("close", () => clearInterval(timer));
}

function broadcast(bytes: Buffer): void {
  if (bytes.length === 0) {
    return;
  }
  for (const subscriber of subscribers) {
    if (!subscriber.destroyed) {
      subscriber.write(bytes);
    }
  }
}

/** Two senders' bytes must not mix within an envelope: holds back what is not whole. */
function createWholeEnvelopes(): (chunk: Buffer) => Buffer {
  let kept: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const bytes = kept.length > 0 ? Buffer.concat([kept, chunk]) : chunk;
    let end = 0;
    while (bytes.length - end >= 5) {
      const next = end + 5 + bytes.readUInt32BE(end + 1);
      if (next > bytes.length) {
        break;
      }
      end = next;
    }
    kept = bytes.subarray(end);
    return bytes.subarray(0, end);
  };
}

function respond(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Protocol {
  const protocol = protocolOf(headers);
  const response: OutgoingHttpHeaders = {
    ":status": 200,
    "content-type": headers["content-type"] as string,
  };
  if (protocol === "grpc") {
    stream.respond(response, { waitForTrailers: true });
    stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
  } else {
    stream.respond(response);
  }
  return protocol;
}

function protocolOf(headers: IncomingHttpHeaders): Protocol {
  const type = headers["content-type"] ?? "";
  if (type.startsWith("application/grpc-web")) {
    return "grpc-web";
  }
  return type.startsWith("application/grpc") ? "grpc" : "connect";
}

function message(id: string, content: string): Buffer {
  return envelope(toBinary(MessageSchema, create(MessageSchema, { id, user: "System", content })));
}
