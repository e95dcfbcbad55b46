import { Code, ConnectError } from "@connectrpc/connect";
import { maxTimerMs } from "../calls/clamp-timeout.ts";
import { retryInfo } from "../calls/retry-info.ts";
import type { Hold } from "../limits/call-memory.ts";
import { createJsonValueCounter } from "./json-value-counter.ts";
import { createPieceGatherer } from "./piece-gatherer.ts";

/** Options for {@link guardBody}. */
export interface BodyGuardOptions {
  /** Whether messages come in envelopes; else the body is one message. */
  readonly isEnveloped: boolean;
  /** How long the body may take to arrive whole, in milliseconds; 0 for no limit. */
  readonly timeoutMs: number;
  /** How many values a message may have; undefined when it is no JSON, or not readable. */
  readonly maxJsonValues: number | undefined;
  /** Counts what has arrived of a message that is not complete. */
  readonly hold: Pick<Hold, "bytes" | "tryAdd" | "resize">;
}

/** The body of a request, as it is read by Connect's handlers. */
export interface GuardedBody extends AsyncIterable<Uint8Array> {
  /** Makes the reader fail with this error, now or at its next read. */
  giveUp(error: ConnectError): void;
}

/** What callers are told to wait before they send such a request again. */
const retryDelayMs = 1_000;

/** Less than that of a message in the making does not count. */
const uncountedBytes = 65_536;

/**
 * Protects what reads a request body from one that is slow, or sent in tiny pieces, or that
 * with others takes up more memory than there is for them: a body that arrives byte by byte
 * costs no more than any other, and one that never ends does not keep its call for ever.
 */
export function guardBody(
  body: AsyncIterable<Uint8Array>,
  { isEnveloped, timeoutMs, maxJsonValues, hold }: BodyGuardOptions,
): GuardedBody {
  let failure: ConnectError | undefined;
  let rejectPending = (_error: ConnectError) => {};

  function giveUp(error: ConnectError): void {
    failure ??= error;
    rejectPending(failure);
  }

  // Not Promise.race(): it would keep something of each piece until the timer ends.
  function untilGivenUp<T>(run: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (failure) {
        reject(failure);
        return;
      }
      rejectPending = reject;
      run().then(resolve, reject);
    });
  }

  async function* read(): AsyncGenerator<Uint8Array, undefined> {
    const pieces = body[Symbol.asyncIterator]();
    const counter = maxJsonValues === undefined ? undefined : createJsonValueCounter(maxJsonValues);
    const gatherer = createPieceGatherer(isEnveloped, counter);
    let isOver = false;
    let messageBytes = 0;
    const timer =
      timeoutMs > 0
        ? setTimeout(() => giveUp(lateBody(timeoutMs)), Math.min(timeoutMs, maxTimerMs)).unref()
        : undefined;
    try {
      while (!isOver) {
        const result = await untilGivenUp(() => pieces.next());
        isOver = result.done === true;
        const gathered = result.done ? gatherer.rest() : gatherer.push(result.value);
        const isWhole = isOver || gatherer.isBetweenMessages;
        messageBytes = isWhole ? 0 : messageBytes + (result.value?.length ?? 0);
        countBytes(messageBytes);
        if (gathered !== undefined) {
          yield gathered;
        }
      }
    } finally {
      clearTimeout(timer);
      if (!isOver) {
        // What is late waits for the client, which may never send anything again.
        const returned = pieces.return?.();
        returned?.catch(() => {});
        if (!failure) {
          await returned;
        }
      }
    }
    return undefined;
  }

  function countBytes(messageBytes: number): void {
    if (messageBytes <= uncountedBytes) {
      if (hold.bytes > 0) {
        hold.resize(0);
      }
    } else if (!hold.tryAdd(messageBytes - hold.bytes)) {
      throw noRoom();
    }
  }

  return { [Symbol.asyncIterator]: read, giveUp };
}

/** What the caller of a request is told that did not arrive in time. */
export function lateBody(timeoutMs: number): ConnectError {
  return new ConnectError(`the request took more than ${timeoutMs} ms`, Code.DeadlineExceeded);
}

/** What a caller is told whose requests take more memory than there is for them. */
export function noRoom(): ConnectError {
  return new ConnectError(
    "too much of requests that have not arrived whole is held already",
    Code.ResourceExhausted,
    undefined,
    [retryInfo(retryDelayMs)],
  );
}
