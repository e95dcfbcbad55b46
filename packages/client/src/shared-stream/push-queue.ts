/** What callbacks push and one consumer iterates. */
export interface PushQueue<T> extends AsyncIterable<T> {
  /** Appends an item; after `close` it is dropped. */
  push(item: T): void;
  /** Ends the iteration; what was not taken is dropped. */
  close(): void;
}

/**
 * Makes a queue, for one consumer. It is not bounded: its producer has to be.
 *
 * Written out, not an async generator: one that waits for its items cannot be
 * told to stop.
 *
 * @param onTaken - told each item that the consumer has taken
 */
export function createPushQueue<T>(onTaken?: (item: T) => void): PushQueue<T> {
  let items: T[] = [];
  let closed = false;
  let wake: () => void = () => {};
  const end = async (): Promise<IteratorReturnResult<undefined>> => {
    closed = true;
    items = [];
    wake();
    return { done: true, value: undefined };
  };
  return {
    push(item) {
      if (!closed) {
        items.push(item);
        wake();
      }
    },
    close() {
      void end();
    },
    [Symbol.asyncIterator]: () => ({
      async next() {
        while (items.length === 0 && !closed) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        const [item] = items.splice(0, 1);
        if (item === undefined) {
          return { done: true, value: undefined };
        }
        onTaken?.(item);
        return { done: false, value: item };
      },
      return: end,
      // Connect refuses an iterator without it.
      throw: end,
    }),
  };
}
