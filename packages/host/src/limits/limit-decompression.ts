import type { Compression } from "@connectrpc/connect/protocol";
import { checkJsonValues } from "../guards/json-value-counter.ts";

/** Options for {@link limitDecompression}. */
export interface DecompressionLimits {
  /**
   * How many messages may be decompressed at a time. Default 4: as many threads as Node
   * has for it.
   */
  readonly maxConcurrent?: number;
  /** How many values a message of JSON may have. Default 100_000. */
  readonly maxJsonValues?: number;
}

/**
 * Bounds the memory that compressed messages can take: of all the given algorithms
 * together, only so many messages are decompressed at a time, and the others wait for
 * their turn, compressed. For the option `acceptCompression` of Connect's plugins.
 *
 * A message is refused when it is larger than `readMaxBytes` decompressed, but only once
 * it has grown to that. A client that sends many at a time, each a thousandth of that
 * on the wire, would otherwise make a server hold them all.
 */
export function limitDecompression(
  compressions: readonly Compression[],
  { maxConcurrent = 4, maxJsonValues = 100_000 }: DecompressionLimits = {},
): Compression[] {
  const waiting: (() => void)[] = [];
  let freeCount = maxConcurrent;

  async function inTurn<T>(run: () => Promise<T>): Promise<T> {
    if (freeCount > 0) {
      freeCount--;
    } else {
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
    try {
      return await run();
    } finally {
      // Who waited longest takes the place over.
      const next = waiting.shift();
      if (next) {
        next();
      } else {
        freeCount++;
      }
    }
  }

  return compressions.map((compression) => ({
    ...compression,
    decompress: (bytes, readMaxBytes) =>
      inTurn(async () => {
        const message = await compression.decompress(bytes, readMaxBytes);
        checkJsonValues(message, maxJsonValues);
        return message;
      }),
  }));
}
