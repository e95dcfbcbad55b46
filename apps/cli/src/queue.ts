/** A queue between callbacks and a `for await` loop. */
export interface Queue<T> extends AsyncIterable<T> {
  /** Appends a value; after {@link Queue.close} it is dropped. */
  push(value: T): void;
  /** Ends the iteration once all that was pushed has been taken. */
  close(): void;
}

/** Makes a queue for one consumer. It is not bounded: its producer has to be. */
export function createQueue<T>(): Queue<T> {
  const values: T[] = [];
  let closed = false;
  let wake: () => void = () => {};
  return {
    push(value) {
      if (!closed) {
        values.push(value);
        wake();
      }
    },
    close() {
      closed = true;
      wake();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (values.length > 0) {
          yield values.shift() as T;
        }
        if (closed) {
          return;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
