import assert from "node:assert/strict";
import type { CallOptions } from "@connectrpc/connect";

/** A response stream that a test reads step by step; going out of scope cancels the call. */
export interface OpenStream<T> extends Disposable {
  /** The next message; rejects where the stream ends before it comes. */
  next(): Promise<T>;
  /** Resolves where the stream ends without an error and without another message. */
  end(): Promise<void>;
}

/** How long a call may take: a message that never comes fails the test. */
const timeoutMs = 300_000;

/** Makes a streaming call. */
export function openStream<T>(call: (options: CallOptions) => AsyncIterable<T>): OpenStream<T> {
  const controller = new AbortController();
  // Unlike the timer of a call's own timeout, this one lets the process end.
  const signal = AbortSignal.any([controller.signal, AbortSignal.timeout(timeoutMs)]);
  const messages = call({ signal })[Symbol.asyncIterator]();
  return {
    async next() {
      const { done, value } = await messages.next();
      assert.ok(!done, "the stream ended");
      return value;
    },
    async end() {
      const { done, value } = await messages.next();
      assert.ok(done, `another message: ${JSON.stringify(value)}`);
    },
    [Symbol.dispose]: () => controller.abort(),
  };
}
