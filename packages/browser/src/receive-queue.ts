/** What has been received of a body and not been read yet. */
export interface ReceiveQueue {
  /** Adds what arrived. */
  push(chunk: Uint8Array): void;
  /** Ends the body, behind what is still to be read. */
  end(): void;
  /** Fails the body, behind what is still to be read. The first end or failure counts. */
  fail(reason: unknown): void;
  /** Fails the body at once: nothing more is read. */
  abort(reason: unknown): void;
  /** The body. It can be iterated once. */
  readonly body: AsyncIterableIterator<Uint8Array>;
}

/**
 * Creates the queue of one body. It is told each time a chunk has been taken, with its
 * length in bytes, and once when the reader gives up or has come to the end.
 */
export function createReceiveQueue(
  onTaken: (bytes: number) => void,
  onFinished: () => void,
): ReceiveQueue {
  const chunks: Uint8Array[] = [];
  let outcome: { readonly failed: boolean; readonly reason?: unknown } | undefined;
  let wake = () => {};

  async function* read(): AsyncGenerator<Uint8Array, undefined> {
    try {
      for (;;) {
        const chunk = chunks.shift();
        if (chunk) {
          onTaken(chunk.byteLength);
          yield chunk;
        } else if (outcome?.failed) {
          throw outcome.reason;
        } else if (outcome) {
          return undefined;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      onFinished();
    }
  }

  function settle(next: NonNullable<typeof outcome>) {
    outcome ??= next;
    wake();
  }

  return {
    body: read(),
    push(chunk) {
      chunks.push(chunk);
      wake();
    },
    end: () => settle({ failed: false }),
    fail: (reason) => settle({ failed: true, reason }),
    abort(reason) {
      chunks.length = 0;
      outcome = { failed: true, reason };
      wake();
    },
  };
}
