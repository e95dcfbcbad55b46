import { gzipSync } from "node:zlib";
import type { Random } from "../random.ts";
import { envelope, envelopeFlag } from "../wire/envelope.ts";
import type { Field } from "../wire/http2-frames.ts";
import { type Codec, type FuzzMethod, fuzzMethods } from "./fuzz-methods.ts";
import { mutateBytes, mutateMessage } from "./mutate-bytes.ts";
import { mutateJson } from "./mutate-json.ts";

/** A request, before it is written for a version of HTTP or for a WebSocket. */
export interface FuzzCall {
  readonly httpMethod: string;
  readonly path: string;
  /** All fields but those that say where the request goes and how long it is. */
  readonly headers: readonly Field[];
  readonly body: Buffer;
  /** Whether the answer may never end. */
  readonly isEndless: boolean;
}

/** What a call should be; all else is left to chance. */
export interface FuzzCallOptions {
  readonly method?: FuzzMethod;
  readonly messages?: readonly Buffer[];
  /** A content type without "+proto" or "+json". */
  readonly protocol?: string;
  /** How likely it is that something about it is wrong. Default 0.3. */
  readonly wrongness?: number;
}

const streamProtocols = ["application/grpc", "application/grpc-web", "application/connect"];
const oddTypes = [
  "text/plain",
  "application/grpc-web-text+json",
  "application/x",
  "",
  "a/b;c=\xff",
];
const oddFields: readonly Field[] = [
  ["grpc-timeout", "1n"],
  ["grpc-timeout", "0S"],
  ["grpc-timeout", "99999999H"],
  ["grpc-timeout", "abc"],
  ["connect-timeout-ms", "0"],
  ["connect-timeout-ms", "1"],
  ["connect-timeout-ms", "9999999999"],
  ["connect-timeout-ms", "-1"],
  ["connect-protocol-version", "2"],
  ["grpc-encoding", "br"],
  ["grpc-encoding", "zstd"],
  ["content-encoding", "gzip"],
  ["connect-content-encoding", "nothing"],
  ["grpc-accept-encoding", "gzip,br"],
  ["accept-encoding", "gzip"],
  ["origin", "http://localhost:1"],
  ["origin", "null"],
  ["origin", "http://evil.example"],
  ["expect", "100-continue"],
  ["expect", "something"],
  ["content-length", "3"],
  ["content-length", "99999999999999999999"],
  ["custom-bin", "!!!"],
  ["custom-bin", "AAECAw"],
  ["x-long", "x".repeat(12_000)],
  ["cookie", "a=b"],
  ["te", "gzip"],
  ["grpc-status", "0"],
  ["if-none-match", "*"],
  ["range", "bytes=0-1"],
  ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
];
const oddPaths = [
  "/",
  "/metrics",
  "*",
  "//",
  "/%00",
  "/%zz",
  "/index.html",
  "/../../etc/passwd",
  "/chat.v1.ChatService/",
  "/chat.v1.ChatService/Nothing",
  "/chat.v1.ChatService/ListMessages/",
  "http://localhost/chat.v1.ChatService/ListRooms",
  `/${"x".repeat(8_000)}`,
];

/** A call of any method by any protocol, right or wrong. */
export function randomCall(random: Random, options: FuzzCallOptions = {}): FuzzCall {
  const { method = random.pick(fuzzMethods), wrongness = 0.3 } = options;
  const isWrong = () => random.chance(wrongness / 3);
  const codec: Codec = random.chance(0.3) ? "json" : "proto";
  const messages = options.messages ?? randomMessages(random, method, codec, wrongness);
  if (method.isSafe && !options.protocol && random.chance(0.15)) {
    return getCall(random, method, codec, messages[0] ?? Buffer.alloc(0), isWrong());
  }
  const isUnaryConnect = !method.takesStream && !method.isEndless && random.chance(0.3);
  const protocol =
    options.protocol ?? (isUnaryConnect ? "application" : random.pick(streamProtocols));
  const isText = protocol === "application/grpc-web" && random.chance(0.25);
  let type = protocol === "application" ? `application/${codec}` : `${protocol}+${codec}`;
  let body =
    protocol === "application"
      ? (messages[0] ?? Buffer.alloc(0))
      : Buffer.concat(messages.map((message) => randomEnvelope(random, message, isWrong())));
  if (isText) {
    type = `application/grpc-web-text+${codec}`;
    body = Buffer.from(body.toString("base64"));
  } else if (codec === "proto" && protocol !== "application/connect" && random.chance(0.5)) {
    type = type.replace(/^(application\/grpc(-web)?)\+proto$/, "$1");
  }
  if (isWrong()) {
    body = mutateBytes(random, body);
  }
  const headers: Field[] = [["content-type", isWrong() ? random.pick(oddTypes) : type]];
  if (protocol === "application/grpc") {
    headers.push(["te", "trailers"]);
  }
  for (let count = isWrong() ? random.int(1, 3) : 0; count > 0; count--) {
    headers.push(random.pick(oddFields));
  }
  return {
    httpMethod: isWrong() ? random.pick(["GET", "PUT", "OPTIONS", "HEAD", "TRACE"]) : "POST",
    path: isWrong() ? random.pick(oddPaths) : method.path,
    headers,
    body,
    isEndless: method.isEndless,
  };
}

function randomMessages(random: Random, method: FuzzMethod, codec: Codec, wrongness: number) {
  const count = method.takesStream ? random.length(40) : random.chance(wrongness / 10) ? 2 : 1;
  return Array.from({ length: count }, () => {
    const message = method.message(random, codec, !random.chance(wrongness / 2));
    if (!random.chance(wrongness / 3)) {
      return message;
    }
    return codec === "json"
      ? Buffer.from(mutateJson(random, message.toString()))
      : mutateMessage(random, message);
  });
}

function randomEnvelope(random: Random, message: Buffer, isWrong: boolean): Buffer {
  if (!isWrong) {
    return envelope(message);
  }
  const { compressed, connectEnd, webTrailers } = envelopeFlag;
  const lengths = [0, message.length + 1, message.length - 1, 10 * 1024 ** 2 + 1, 2 ** 32 - 1];
  return random.pick<() => Buffer>([
    () => envelope(message, 0, Math.max(0, random.pick(lengths))),
    () => envelope(message, random.pick([compressed, connectEnd, webTrailers, 4, 0xff])),
    () => envelope(gzipSync(message), compressed),
    () => envelope(gzipSync(Buffer.alloc(random.pick([1_000, 5_000_000]))), compressed),
    () => envelope(gzipSync(message).subarray(0, -5), compressed),
    () => envelope(Buffer.alloc(0)),
    () => envelope(message).subarray(0, random.int(0, 5)),
  ])();
}

function getCall(
  random: Random,
  { path }: FuzzMethod,
  codec: Codec,
  message: Buffer,
  isWrong: boolean,
): FuzzCall {
  const base64 = codec === "proto" || random.chance(0.2);
  const text = base64 ? message.toString("base64url") : encodeURIComponent(message.toString());
  const query = [
    "connect=v1",
    `encoding=${codec}`,
    ...(base64 ? ["base64=1"] : []),
    `message=${text.slice(0, 10_000)}${isWrong ? random.pick(["*", "%", "==", "%ff"]) : ""}`,
  ];
  if (isWrong) {
    query.push(random.pick(["message=", "encoding=x", "compression=gzip", "base64=2", "&&==&"]));
  }
  return {
    httpMethod: "GET",
    path: `${path}?${random.shuffle(query).join("&")}`,
    headers: isWrong ? [random.pick(oddFields)] : [],
    body: Buffer.alloc(0),
    isEndless: false,
  };
}
