import {
  Code,
  ConnectError,
  type ContextKey,
  createContextKey,
  type Interceptor,
} from "@connectrpc/connect";
import type { FastifyBaseLogger } from "fastify";
import { MessageLogError } from "./message-log.ts";

/** The logger of the request that a call came in; set by whoever hosts the router. */
export const requestLogKey: ContextKey<FastifyBaseLogger | undefined> = createContextKey<
  FastifyBaseLogger | undefined
>(undefined, { description: "the request's logger" });

/** Codes that are the server's own fault, and say more than that a caller was refused. */
const faults = new Set<Code>([Code.Internal, Code.Unknown, Code.DataLoss]);

/** Codes of what aborts a call here: its deadline, and the drain. Any other came with its connection. */
const endedByServer = new Set<Code>([Code.DeadlineExceeded, Code.Unavailable]);

/** What ended a call; when it was aborted, why, rather than what broke in consequence. */
function failureOf(error: unknown, { aborted, reason }: AbortSignal): ConnectError {
  if (!aborted) {
    return ConnectError.from(error);
  }
  const abortion = ConnectError.from(reason);
  return endedByServer.has(abortion.code)
    ? abortion
    : new ConnectError("the caller went away", Code.Canceled);
}

/**
 * Logs every call once, when it has ended, with its method, code and duration in
 * milliseconds: at level error when the server is at fault, else at debug.
 */
export function createCallLogInterceptor(): Interceptor {
  return (next) => async (request) => {
    const startedAtMs = performance.now();
    const method = `${request.service.typeName}/${request.method.name}`;
    const end = (error?: unknown) => {
      const log = request.contextValues.get(requestLogKey);
      if (!log) {
        return;
      }
      const failure = error === undefined ? undefined : failureOf(error, request.signal);
      const call = {
        method,
        code: failure ? Code[failure.code] : "Ok",
        durationMs: Math.round(performance.now() - startedAtMs),
      };
      if (failure && (faults.has(failure.code) || failure.cause instanceof MessageLogError)) {
        log.error({ ...call, err: failure.cause ?? failure }, "call failed");
      } else {
        log.debug(failure ? { ...call, reason: failure.rawMessage } : call, "call ended");
      }
    };

    async function* ended<T>(messages: AsyncIterable<T>): AsyncGenerator<T> {
      let error: unknown = new ConnectError("the caller went away", Code.Canceled);
      try {
        yield* messages;
        error = undefined;
      } catch (thrown) {
        error = thrown;
        throw thrown;
      } finally {
        end(error);
      }
    }

    try {
      const response = await next(request);
      if (response.stream) {
        return { ...response, message: ended(response.message) };
      }
      end();
      return response;
    } catch (error) {
      end(error);
      throw error;
    }
  };
}
