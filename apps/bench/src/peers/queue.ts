/** What one side pushes and the other iterates over. */
export interface Queue<Item> extends AsyncIterable<Item> {
  push(item: Item): void;
  /** Lets the iteration end after what was pushed. */
  end(): void;
}

/** Creates a queue without a limit, which ends when the signal aborts. */
export function createQueue<Item>(signal: AbortSignal): Queue<Item> {
  let items: Item[] = [];
  let isEnded = false;
  let wake = () => {};
  const end = () => {
    isEnded = true;
    wake();
  };
  signal.addEventListener("abort", end);
  return {
    push(item) {
      items.push(item);
      wake();
    },
    end,
    async *[Symbol.asyncIterator]() {
      while (!signal.aborted) {
        const taken = items;
        items = [];
        yield* taken;
        if (items.length === 0) {
          if (isEnded) {
            return;
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}
