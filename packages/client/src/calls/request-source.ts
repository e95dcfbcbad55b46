/**
 * The messages of a request stream, as Connect wants to be given them, from an
 * iterable of the caller.
 */
export interface RequestSource<T> extends AsyncIterable<T> {
  /** How many messages the transport has taken. */
  readonly sent: number;
  /** What the caller's own code threw, as it threw it. */
  readonly failure: { readonly reason: unknown } | undefined;
  /** Tells the caller's iterable that no more of it will be read. */
  close(): void;
}

/**
 * Reads one item when one message is asked for, never ahead.
 *
 * Written out, not an async generator: a generator that waits for its items
 * cannot be told to stop.
 *
 * @param toMessage - makes a message of an item; a ConnectError that it throws ends the call with
 *   that error
 * @param onProgress - told after each message how many the transport has taken
 */
export function createRequestSource<Item, T>(
  items: Iterable<Item> | AsyncIterable<Item>,
  toMessage: (item: Item) => T,
  onProgress?: (sent: number) => void,
): RequestSource<T> {
  const iterator: Iterator<Item> | AsyncIterator<Item> =
    Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let taken = 0;
  let sent = 0;
  let ended = false;
  let failure: { reason: unknown } | undefined;

  async function next(): Promise<IteratorResult<T, undefined>> {
    const item = await nextItem();
    if (item.done) {
      return { done: true, value: undefined };
    }
    taken++;
    return { done: false, value: toMessage(item.value) };
  }

  async function nextItem(): Promise<IteratorResult<Item, unknown>> {
    try {
      // Being asked for the next message means that the last one was taken.
      if (sent < taken) {
        sent = taken;
        onProgress?.(sent);
      }
      const result = ended ? { done: true as const, value: undefined } : await iterator.next();
      if (result.done) {
        ended = true;
      }
      return result;
    } catch (reason) {
      failure = { reason };
      throw reason;
    }
  }

  function close(): void {
    if (!ended) {
      ended = true;
      // Not awaited: an iterator that waits for its own source may never answer.
      void Promise.resolve(iterator.return?.()).catch(() => {});
    }
  }

  return {
    get sent() {
      return sent;
    },
    get failure() {
      return failure;
    },
    close,
    [Symbol.asyncIterator]: () => ({
      next,
      async return() {
        close();
        return { done: true, value: undefined };
      },
      // Connect refuses an iterator without it.
      async throw(reason) {
        close();
        throw reason;
      },
    }),
  };
}
