import { create, toBinary } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { createFrameStream } from "@parley/host/create-frame-stream";
import { frameMessages } from "@parley/host/envelope";
import type { FrameSink } from "@parley/host/frame-stream";
import { createConformanceService } from "./conformance-service.ts";
import {
  type ConformanceService,
  type ServerStreamResponse,
  ServerStreamResponseSchema,
} from "./gen/connectrpc/conformance/v1/service_pb.ts";

/**
 * The conformance service, whose streams of the server are frame streams, as subscriptions are:
 * what is due at once is one write.
 */
export function createFrameService(): Partial<ServiceImpl<typeof ConformanceService>> {
  const service = createConformanceService();
  const messagesOf = service.serverStream as ServiceImpl<typeof ConformanceService>["serverStream"];
  return {
    ...service,
    serverStream(request, context) {
      async function* messages() {
        for await (const message of messagesOf(request, context)) {
          yield create(ServerStreamResponseSchema, message);
        }
      }
      const areDueAtOnce = !request.responseDefinition?.responseDelayMs;
      return createFrameStream(
        ServerStreamResponseSchema,
        (sink) => void writeAll(messages(), sink, areDueAtOnce),
        context,
      );
    },
  };
}

/** Writes the frames of all messages: in one write, or each in its own. */
async function writeAll(
  messages: AsyncGenerator<ServerStreamResponse>,
  sink: FrameSink,
  isGathered: boolean,
): Promise<void> {
  let hasClosed = false;
  let wake = () => {};
  let gathered: Uint8Array[] = [];
  sink.source = {
    onDrain: () => wake(),
    onClose() {
      hasClosed = true;
      wake();
      // Not awaited: a generator returns only once what it awaits has settled.
      messages.return(undefined).catch(() => {});
    },
  };
  const flush = async () => {
    const payloads = gathered;
    gathered = [];
    if (
      !hasClosed &&
      payloads.length > 0 &&
      !sink.write(frameMessages(payloads), payloads.length)
    ) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      if (!hasClosed) {
        await promise;
      }
    }
  };
  try {
    for await (const message of messages) {
      gathered.push(toBinary(ServerStreamResponseSchema, message));
      if (!isGathered) {
        await flush();
      }
    }
    await flush();
    sink.end();
  } catch (error) {
    await flush();
    sink.fail(error);
  }
}
