import { setTimeout as delay } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Any, anyPack } from "@bufbuild/protobuf/wkt";
import {
  type Code,
  ConnectError,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import {
  BidiStreamRequestSchema,
  ClientStreamRequestSchema,
  type ConformancePayload_RequestInfo,
  ConformancePayload_RequestInfoSchema,
  type ConformancePayloadSchema,
  type ConformanceService,
  type Error as ErrorDefinition,
  type Header,
  type HeaderSchema,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  type StreamResponseDefinition,
  UnaryRequestSchema,
  type UnaryResponseDefinition,
} from "./gen/connectrpc/conformance/v1/service_pb.ts";

type Payload = MessageInitShape<typeof ConformancePayloadSchema>;

/**
 * Answers each call the way that its request asks for, and tells what it saw of the
 * request. `Unimplemented` is left out: the router has to answer it.
 */
export function createConformanceService(): Partial<ServiceImpl<typeof ConformanceService>> {
  return {
    async unary(request, context) {
      const received = [anyPack(UnaryRequestSchema, request)];
      return { payload: await answer(request.responseDefinition, received, context) };
    },

    async idempotentUnary(request, context) {
      const received = [anyPack(IdempotentUnaryRequestSchema, request)];
      return { payload: await answer(request.responseDefinition, received, context) };
    },

    async clientStream(requests, context) {
      const received: Any[] = [];
      let definition: UnaryResponseDefinition | undefined;
      for await (const request of requests) {
        if (received.length === 0) {
          definition = request.responseDefinition;
        }
        received.push(anyPack(ClientStreamRequestSchema, request));
      }
      return { payload: await answer(definition, received, context) };
    },

    async *serverStream(request, context) {
      const received = [anyPack(ServerStreamRequestSchema, request)];
      setMetadata(request.responseDefinition, context);
      yield* answerRest(request.responseDefinition, 0, received, context);
    },

    async *bidiStream(requests, context) {
      const unanswered: Any[] = [];
      let definition: StreamResponseDefinition | undefined;
      let isFirst = true;
      let isFullDuplex = false;
      let sentCount = 0;
      for await (const request of requests) {
        if (isFirst) {
          isFirst = false;
          isFullDuplex = request.fullDuplex;
          definition = request.responseDefinition;
          setMetadata(definition, context);
        }
        unanswered.push(anyPack(BidiStreamRequestSchema, request));
        if (!isFullDuplex) {
          continue;
        }
        const data = definition?.responseData[sentCount];
        if (data === undefined) {
          break;
        }
        await pause(definition, context);
        yield { payload: { data, requestInfo: requestInfo(unanswered.splice(0), context) } };
        sentCount++;
      }
      yield* answerRest(definition, sentCount, unanswered, context);
    },
  };
}

/** The answer to a call that gets one message. */
async function answer(
  definition: UnaryResponseDefinition | undefined,
  received: Any[],
  context: HandlerContext,
): Promise<Payload> {
  setMetadata(definition, context);
  // Made first: of the timeout, it tells what was left when the call began.
  const info = requestInfo(received, context);
  await pause(definition, context);
  const response = definition?.response;
  if (response?.case === "error") {
    throw toConnectError(response.value, info);
  }
  return { requestInfo: info, ...(response?.case ? { data: response.value } : {}) };
}

/** What is still to be sent on a stream on which `sentCount` messages were. */
async function* answerRest(
  definition: StreamResponseDefinition | undefined,
  sentCount: number,
  received: Any[],
  context: HandlerContext,
): AsyncGenerator<{ payload: Payload }> {
  // Only the first answer tells of the request, and an error if there is no answer.
  let info = sentCount === 0 ? requestInfo(received, context) : undefined;
  for (const data of definition?.responseData.slice(sentCount) ?? []) {
    await pause(definition, context);
    yield { payload: { data, ...(info ? { requestInfo: info } : {}) } };
    info = undefined;
  }
  if (definition?.error) {
    throw toConnectError(definition.error, info);
  }
}

/** The part that the definitions of a single answer and of a stream have in common. */
interface AnswerDefinition {
  readonly responseHeaders: Header[];
  readonly responseTrailers: Header[];
  readonly responseDelayMs: number;
}

function setMetadata(definition: AnswerDefinition | undefined, context: HandlerContext): void {
  appendAll(context.responseHeader, definition?.responseHeaders ?? []);
  appendAll(context.responseTrailer, definition?.responseTrailers ?? []);
}

function appendAll(target: Headers, entries: readonly Header[]): void {
  for (const { name, value } of entries) {
    for (const item of value) {
      target.append(name, item);
    }
  }
}

async function pause(
  definition: AnswerDefinition | undefined,
  { signal }: HandlerContext,
): Promise<void> {
  if (definition?.responseDelayMs) {
    await delay(definition.responseDelayMs, undefined, { signal }).catch(() => {
      // The reason says whether the deadline passed or the client went away.
      throw signal.reason;
    });
  }
}

function requestInfo(requests: Any[], context: HandlerContext): ConformancePayload_RequestInfo {
  const timeoutMs = context.timeoutMs();
  return create(ConformancePayload_RequestInfoSchema, {
    requestHeaders: toHeaders(context.requestHeader),
    requests,
    ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.floor(timeoutMs)) }),
    ...(context.requestMethod === "GET"
      ? { connectGetInfo: { queryParams: toHeaders(new URL(context.url).searchParams) } }
      : {}),
  });
}

function toHeaders(entries: Iterable<[string, string]>): MessageInitShape<typeof HeaderSchema>[] {
  return Array.from(entries, ([name, value]) => ({ name, value: [value] }));
}

function toConnectError(
  { code, message, details }: ErrorDefinition,
  info: ConformancePayload_RequestInfo | undefined,
): ConnectError {
  // The numbers of the contract's codes are Connect's, and so are gRPC's.
  const error = new ConnectError(message ?? "", code as number as Code);
  const all = info ? [...details, anyPack(ConformancePayload_RequestInfoSchema, info)] : details;
  error.details = all.map(({ typeUrl, value }) => ({
    type: typeUrl.slice(typeUrl.lastIndexOf("/") + 1),
    value,
  }));
  return error;
}
