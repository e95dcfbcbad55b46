// Runs in a browser: calls the echo service by Google's client, in text mode.

import { create, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { GrpcWebClientBase, MethodDescriptor, MethodType, type RpcError } from "grpc-web";
import { EchoRequestSchema, EchoResponseSchema } from "../gen/testing/v1/echo_pb.ts";

type Metadata = Record<string, string>;

/** How a call ended, in a form that leaves the page. */
export interface CallResult {
  readonly texts: readonly string[];
  /** What the response's headers held. */
  readonly metadata: Metadata;
  readonly error?: { readonly code: number; readonly message: string; readonly metadata: Metadata };
}

/** What the page's script offers to the test, as the global `grpcWebPage`. */
export interface GrpcWebPage {
  unary(url: string, text: string, metadata?: Metadata): Promise<CallResult>;
  /** Answers the first message with a unary call of "continue". */
  stream(url: string, text: string): Promise<CallResult>;
  /** A unary call of a method that the service does not have. */
  unknown(url: string): Promise<CallResult>;
}

const client = new GrpcWebClientBase({ format: "text" });

const page: GrpcWebPage = {
  unary: (url, text, metadata = {}) =>
    new Promise((resolve) => {
      let headers: Metadata = {};
      client
        .rpcCall(
          `${url}/testing.v1.EchoService/Unary`,
          create(EchoRequestSchema, { text }),
          metadata,
          describe("Unary", MethodType.UNARY),
          (error, response) =>
            // Headers are told after the response.
            setTimeout(() => resolve(result(error ? [] : [response.text], headers, error))),
        )
        .on("metadata", (received) => {
          headers = { ...headers, ...received };
        });
    }),

  stream: (url, text) =>
    new Promise((resolve) => {
      const texts: string[] = [];
      const stream = client.serverStreaming(
        `${url}/testing.v1.EchoService/ServerStream`,
        create(EchoRequestSchema, { text }),
        {},
        describe("ServerStream", MethodType.SERVER_STREAMING),
      );
      stream.on("data", (message) => {
        texts.push(message.text);
        if (texts.length === 1) {
          page.unary(url, "continue");
        }
      });
      stream.on("error", (error) => resolve(result(texts, {}, error)));
      stream.on("end", () => resolve(result(texts, {})));
    }),

  unknown: (url) =>
    new Promise((resolve) => {
      client.rpcCall(
        `${url}/testing.v1.EchoService/Unknown`,
        create(EchoRequestSchema),
        {},
        describe("Unknown", MethodType.UNARY),
        (error) => resolve(result([], {}, error)),
      );
    }),
};

Object.assign(globalThis, { grpcWebPage: page });

type EchoRequest = MessageShape<typeof EchoRequestSchema>;
type EchoResponse = MessageShape<typeof EchoResponseSchema>;

/** What the plugin for protoc generates for Google's own messages. */
function describe(name: string, type: string): MethodDescriptor<EchoRequest, EchoResponse> {
  // The client makes no messages, it only passes them on.
  const noClass = Object as unknown as new () => never;
  return new MethodDescriptor<EchoRequest, EchoResponse>(
    `/testing.v1.EchoService/${name}`,
    type,
    noClass,
    noClass,
    (request: EchoRequest) => toBinary(EchoRequestSchema, request),
    (bytes: Uint8Array) => fromBinary(EchoResponseSchema, bytes),
  );
}

function result(texts: string[], metadata: Metadata, error?: RpcError | null): CallResult {
  if (!error) {
    return { texts, metadata };
  }
  const { code, message } = error;
  return { texts, metadata, error: { code, message, metadata: { ...error.metadata } } };
}
