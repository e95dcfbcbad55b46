import { toBinary, toJsonString } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { ChatService } from "@parley/proto/chat/v1";
import type { Random } from "../random.ts";
import { bytesField } from "../wire/protobuf-fields.ts";
import { randomMessage } from "./random-message.ts";

/** How a message is written. */
export type Codec = "proto" | "json";

/** A method that the server has, under one of its names. */
export interface FuzzMethod {
  readonly path: string;
  readonly takesStream: boolean;
  /** Whether calls may stay open until their caller leaves. */
  readonly isEndless: boolean;
  /** Whether a GET may call it. */
  readonly isSafe: boolean;
  /** A message that it takes; one that keeps the contract's rules if told so. */
  message(random: Random, codec: Codec, valid: boolean): Buffer;
}

const chatMethods = ["chat.v1.ChatService", "chat.ChatService"].flatMap((service) =>
  ChatService.methods.map(({ name, input, methodKind, idempotency }): FuzzMethod => {
    return {
      path: `/${service}/${name}`,
      takesStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
      isEndless: name === "SubscribeMessages" || name === "Chat" || name === "StreamMetrics",
      isSafe: idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
      message(random, codec, valid) {
        const message = randomMessage(random, input, valid);
        if (codec === "proto") {
          return Buffer.from(toBinary(input, message));
        }
        try {
          return Buffer.from(toJsonString(input, message, { enumAsInteger: true }));
        } catch {
          // A time or a duration that JSON has no way to say.
          return Buffer.from('{"timestamp":"10000-01-01T00:00:00Z","heartbeat":"1e9s"}');
        }
      },
    };
  }),
);

/** A method whose requests have texts only: that of field `number` is one of `texts`. */
function textMethod(
  path: string,
  isEndless: boolean,
  texts: readonly (readonly [number: number, name: string, texts: readonly string[]])[],
): FuzzMethod {
  return {
    path,
    takesStream: path.includes("reflection"),
    isEndless,
    isSafe: false,
    message(random, codec) {
      const [number, name, values] = random.pick(texts);
      const text = random.pick(values);
      return codec === "json"
        ? Buffer.from(JSON.stringify({ [name]: text }))
        : bytesField(number, text);
    },
  };
}

const services = ["", "chat.v1.ChatService", "chat.ChatService", "nobody", "x".repeat(10_000)];
const symbols = [...services, "chat.v1.Message.id", "chat.v1", "google.rpc.BadRequest", ".", "\0"];
const files = ["chat/v1/chat.proto", "buf/validate/validate.proto", "../chat.proto", "", "\0"];

const commonMethods = [
  textMethod("/grpc.health.v1.Health/Check", false, [[1, "service", services]]),
  textMethod("/grpc.health.v1.Health/Watch", true, [[1, "service", services]]),
  ...["v1", "v1alpha"].map((version) =>
    textMethod(`/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`, true, [
      [3, "fileByFilename", files],
      [4, "fileContainingSymbol", symbols],
      [6, "allExtensionNumbersOfType", symbols],
      [7, "listServices", ["", "*"]],
    ]),
  ),
];

/** All methods of the server. */
export const fuzzMethods: readonly FuzzMethod[] = [...chatMethods, ...commonMethods];

/** The method of chat.v1.ChatService of this name. */
export function chatMethod(name: string): FuzzMethod {
  return fuzzMethods.find(({ path }) => path === `/chat.v1.ChatService/${name}`) as FuzzMethod;
}
