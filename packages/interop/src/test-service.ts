import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type Code,
  ConnectError,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import type {
  EchoStatus,
  PayloadSchema,
  StreamingOutputCallRequest,
  StreamingOutputCallResponseSchema,
  TestService,
} from "./gen/grpc/testing/test_pb.ts";

type StreamingOutputCallResponse = MessageInitShape<typeof StreamingOutputCallResponseSchema>;

/**
 * gRPC's test service, as the descriptions of its test cases define it.
 * `UnimplementedCall` is left out: the router has to answer it.
 *
 * @param serverId Returned to clients that ask which server they talk to.
 */
export function createTestService(serverId: string): Partial<ServiceImpl<typeof TestService>> {
  return {
    emptyCall: () => ({}),

    unaryCall(request, context) {
      echoMetadata(context);
      throwStatus(request.responseStatus);
      return {
        payload: createPayload(request.responseSize),
        ...(request.fillServerId ? { serverId } : {}),
      };
    },

    streamingOutputCall: answer,

    async streamingInputCall(requests) {
      let aggregatedPayloadSize = 0;
      for await (const { payload } of requests) {
        aggregatedPayloadSize += payload?.body.length ?? 0;
      }
      return { aggregatedPayloadSize };
    },

    async *fullDuplexCall(requests, context) {
      echoMetadata(context);
      for await (const request of requests) {
        throwStatus(request.responseStatus);
        yield* answer(request, context);
      }
    },

    async *halfDuplexCall(requests, context) {
      for (const request of await Array.fromAsync(requests)) {
        yield* answer(request, context);
      }
    },
  };
}

async function* answer(
  request: StreamingOutputCallRequest,
  { signal }: HandlerContext,
): AsyncGenerator<StreamingOutputCallResponse> {
  for (const { size, intervalUs } of request.responseParameters) {
    if (intervalUs > 0) {
      await delay(intervalUs / 1_000, undefined, { signal });
    }
    yield { payload: createPayload(size) };
  }
}

function createPayload(size: number): MessageInitShape<typeof PayloadSchema> {
  return { body: new Uint8Array(size) };
}

function throwStatus(status: EchoStatus | undefined): void {
  if (status && status.code !== 0) {
    throw new ConnectError(status.message, status.code as Code);
  }
}

const echoedHeader = "x-grpc-test-echo-initial";
// Stays in the base64 of its transport.
const echoedTrailer = "x-grpc-test-echo-trailing-bin";

function echoMetadata({ requestHeader, responseHeader, responseTrailer }: HandlerContext): void {
  const header = requestHeader.get(echoedHeader);
  if (header !== null) {
    responseHeader.set(echoedHeader, header);
  }
  const trailer = requestHeader.get(echoedTrailer);
  if (trailer !== null) {
    responseTrailer.set(echoedTrailer, trailer);
  }
}
