import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import type { UniversalServerRequest } from "@connectrpc/connect/protocol";
import { createPieceGatherer } from "./gather-pieces.ts";

/** Options for {@link guardRequests}. */
export interface RequestGuardOptions {
  /**
   * How long the request of a call that takes one message (unary, server streaming) may
   * take to arrive whole before the call ends with DEADLINE_EXCEEDED. Default 120_000;
   * 0 for no limit. Calls that take a stream of messages have none: they may be quiet.
   */
  readonly bodyTimeoutMs?: number;
}

/**
 * Protects the methods that a router has by now from request bodies that are slow, or
 * sent in tiny pieces. Call it last in the `routes` of a plugin.
 *
 * A body that arrives byte by byte costs no more than any other, and one that never ends
 * does not keep its call for ever.
 */
export function guardRequests(
  { handlers }: Pick<ConnectRouter, "handlers">,
  { bodyTimeoutMs = 120_000 }: RequestGuardOptions = {},
): void {
  for (const [index, handler] of handlers.entries()) {
    const { methodKind } = handler.method;
    const takesOne = methodKind === "unary" || methodKind === "server_streaming";
    const timeoutMs = takesOne ? bodyTimeoutMs : 0;
    handlers[index] = Object.assign(
      (request: UniversalServerRequest) => handler(guard(request, timeoutMs)),
      handler,
    );
  }
}

function guard(request: UniversalServerRequest, timeoutMs: number): UniversalServerRequest {
  const { body, header } = request;
  // What a framework has parsed by itself.
  if (typeof body !== "object" || body === null || !(Symbol.asyncIterator in body)) {
    return request;
  }
  const isEnveloped = /^application\/(grpc|connect\+)/i.test(header.get("content-type") ?? "");
  return { ...request, body: guardBody(body, isEnveloped, timeoutMs) };
}

async function* guardBody(
  body: AsyncIterable<Uint8Array>,
  isEnveloped: boolean,
  timeoutMs: number,
): AsyncGenerator<Uint8Array, undefined> {
  const pieces = body[Symbol.asyncIterator]();
  const gatherer = createPieceGatherer(isEnveloped);
  let isLate = false;
  let isOver = false;
  let giveUp = (_reason: ConnectError) => {};
  const timer =
    timeoutMs > 0 &&
    setTimeout(() => {
      isLate = true;
      giveUp(new ConnectError(`the request took more than ${timeoutMs} ms`, Code.DeadlineExceeded));
    }, timeoutMs).unref();
  try {
    while (!isOver) {
      // Not Promise.race(): it would keep something of each piece until the timer ends.
      const result = await new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        giveUp = reject;
        pieces.next().then(resolve, reject);
      });
      isOver = result.done === true;
      const gathered = result.done ? gatherer.rest() : gatherer.push(result.value);
      if (gathered !== undefined) {
        yield gathered;
      }
    }
  } finally {
    if (timer) {
      clearTimeout(timer);
    }
    if (!isOver) {
      // What is late waits for the client, which may never send anything again.
      const returned = pieces.return?.();
      returned?.catch(() => {});
      if (!isLate) {
        await returned;
      }
    }
  }
  return undefined;
}
